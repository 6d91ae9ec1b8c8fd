import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the server listens that pages may call. */
    upstream: string;
  }
}

/**
 * Starts what the pages call, before the browser runs: each path below `/name/` fails as its first word says, and
 * counts its requests, which `/count/...` tells.
 */
export default async function start(project: TestProject): Promise<() => void> {
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const headers = path.startsWith('/dated') ? 'accept' : '*';
    const allowed = { 'access-control-allow-origin': '*', 'access-control-allow-headers': headers };
    if (request.method === 'OPTIONS') return void response.writeHead(204, allowed).end();
    if (path.startsWith('/count')) {
      return void response.writeHead(200, allowed).end(String(counts.get(path.slice('/count'.length)) ?? 0));
    }
    const count = (counts.get(path) ?? 0) + 1;
    counts.set(path, count);
    const kind = path.split('/')[1];
    if (kind === 'hang') return;
    if (kind === 'reset') return void request.socket.destroy();
    if (kind === 'half') return void response.writeHead(200, allowed).write('half of it, ');
    if (kind === 'unsteady' && count < 3) return void response.writeHead(503, allowed).end('not now');
    if (kind === 'down') return void response.writeHead(503, allowed).end('not now');
    if (kind === 'dated') {
      // No page may ask this one with a condition.
      const headers = { 'last-modified': new Date(0).toUTCString(), 'cache-control': 'max-age=0', vary: 'accept' };
      return void response.writeHead(200, { ...allowed, ...headers }).end(`for ${request.headers.accept}`);
    }
    if (kind === 'echo') {
      let body = '';
      request.on('data', (part) => (body += part));
      return void request.on('end', () => response.writeHead(200, allowed).end(`${request.method} ${body}`));
    }
    response.writeHead(200, allowed).end(`answer ${count}`);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  project.provide('upstream', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return () => {
    server.closeAllConnections();
    server.close();
  };
}
