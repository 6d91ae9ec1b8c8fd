import { getEventListeners, once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** An HTTP server on loopback that lives as long as the test does. */
export interface Served {
  readonly origin: string;
  /** What has arrived, in order. */
  readonly requests: {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage['headers'];
    body: string;
  }[];
  /** Connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** Answers that were begun, and neither ended nor were cut off. */
  readonly unfinished: ReadonlySet<ServerResponse>;
}

/** Answers the nth request by the nth listener, and further ones by the last. A status stands for an answer with it. */
export async function serve(...answers: (RequestListener | number)[]): Promise<Served> {
  const requests: Served['requests'] = [];
  const sockets = new Set<Socket>();
  const unfinished = new Set<ServerResponse>();
  const server = createServer(async (request, response) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)] as RequestListener | number;
    const { method = '', url = '', headers } = request;
    const arrived = { method, url, headers, body: '' };
    requests.push(arrived);
    unfinished.add(response);
    response.once('close', () => unfinished.delete(response));
    // Read to the end first: the order in which things happen is then the same on every machine.
    for await (const chunk of request) arrived.body += chunk;
    if (typeof answer === 'number') response.writeHead(answer).end(`status ${answer}`);
    else answer(request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, sockets, unfinished };
}

/** Lets the event loop turn until something has become true. A test that waits in vain ends by its own time limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** Lets sockets, timers of 0 and promises do what they have at hand. */
export async function idle(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn();
}

export function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}
