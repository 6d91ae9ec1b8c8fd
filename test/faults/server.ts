/** An HTTP server in a process of its own, to be killed, stopped and slowed. It ends when its parent does. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { drain } from '../../src/compositions/drain.ts';
import { heartbeat } from '../../src/compositions/heartbeat.ts';
import type { Message, Orders, Report } from './processes.ts';

const orders: Orders = JSON.parse(process.argv[2] as string);
const report: Report = { calls: 0, answered: 0, writes: [], position: 0, refused: 0 };
let ready = true;
/** The highest fence that this one has seen, as a storage. */
let highest = 0n;

const server: Server = createServer((request, response) => {
  answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
});

async function answer({ url = '/' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, path, value = '', fence = '0'] = url.split('/');
  if (path === 'health') {
    response.writeHead(ready ? 200 : 503).end(String(report.position));
    return;
  }
  report.calls++;
  if (orders.slow > 0) await sleep(orders.slow);
  const status = path === 'write' ? await write(value) : path === 'store' ? store(value, BigInt(fence)) : 200;
  if (path === 'copy' && !orders.lags) report.position = Number(value);
  response.writeHead(status).end(orders.name);
  report.answered++;
}

/** As the one who takes the writes: they count once they are stored, and then the others hear of them. */
async function write(value: string): Promise<number> {
  const { status } = await fetch(`${orders.storage}/store/${value}/${orders.fence}`);
  if (status !== 200) {
    report.refused++;
    return status;
  }
  report.position++;
  await Promise.all(orders.copies.map((url) => fetch(`${url}/copy/${report.position}`)));
  return 200;
}

/** As a storage: refuses who has an older fence than another who wrote. */
function store(value: string, fence: bigint): number {
  if (fence < highest) return 409;
  highest = fence;
  report.writes.push(value);
  return 200;
}

function finish({ signal }: { signal: AbortSignal }): Promise<void> {
  return new Promise((resolve) => {
    const idle = setInterval(() => server.closeIdleConnections(), 20);
    server.close(() => {
      clearInterval(idle);
      resolve();
    });
    signal.addEventListener('abort', () => server.closeAllConnections());
  });
}

function send(message: Message): void {
  process.send?.(message);
}

process.on('message', (changed: Partial<Orders>) => {
  Object.assign(orders, changed);
  send({ report });
});
process.once('disconnect', () => process.exit());
process.once('SIGTERM', async () => {
  const { clean } = await drain({ ready: (on) => (ready = on), settle: orders.settle, finish, deadline: 20_000 });
  process.exit(clean ? 0 : 1);
});

await once(server.listen(0, '127.0.0.1'), 'listening');
if (orders.beat > 0) heartbeat({ interval: orders.beat, send: () => send({ beat: true }) }).start();
send({ port: (server.address() as AddressInfo).port });
