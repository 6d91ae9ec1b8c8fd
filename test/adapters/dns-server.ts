import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import * as codec from 'dns-packet';
import { onTestFinished } from 'vitest';
import type { DnsQuery } from '../../src/algorithms/dns-packets.ts';

export interface Question {
  readonly name: string;
  readonly type: string;
  readonly over: 'udp' | 'tcp';
  readonly id: number;
  /** Sends whatever is given. */
  readonly send: (bytes: Uint8Array) => void;
  /** Sends whatever is given, and ends the connection. */
  readonly end: (bytes: Uint8Array) => void;
}

/** Records, or why there are none: the number of an rcode. `undefined`: no answer at all. */
export type Reply = readonly object[] | number | undefined;

/** A DNS server on loopback, over UDP and TCP on one port, that lives as long as the test does. */
export interface DnsServer {
  /** As `servers` takes it. */
  readonly address: string;
  readonly questions: Question[];
  reply: (question: Question) => Reply;
  close(): Promise<void>;
}

export const servfail = 2;
export const nxdomain = 3;
export const refused = 5;

export async function serveDns(reply: DnsServer['reply'], host = '127.0.0.1'): Promise<DnsServer> {
  const sockets = new Set<Socket>();
  const tcp = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let bytes = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length < 2 || bytes.length < 2 + bytes.readUInt16BE()) return;
      answer(
        bytes.subarray(2),
        'tcp',
        (bytes) => socket.end(bytes),
        (message) => {
          const prefix = Buffer.alloc(2);
          prefix.writeUInt16BE(message.length);
          // In pieces, as networks may deliver it.
          const whole = Buffer.concat([prefix, message]);
          for (let at = 0; at < whole.length; at += 100) socket.write(whole.subarray(at, at + 100));
        },
      );
    });
  });
  let udp: Datagrams;
  for (;;) {
    tcp.listen(0, host);
    await once(tcp, 'listening');
    udp = createSocket(host.includes(':') ? 'udp6' : 'udp4').bind((tcp.address() as AddressInfo).port, host);
    try {
      await once(udp, 'listening');
      break;
    } catch {
      // Somebody else has that port for datagrams.
      tcp.close();
      await once(tcp, 'close');
    }
  }
  udp.on('message', (bytes, { port, address }) =>
    answer(
      bytes,
      'udp',
      () => {},
      (message) => udp.send(message, port, address),
    ),
  );
  const { port } = tcp.address() as AddressInfo;
  const server: DnsServer = {
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    questions: [],
    reply,
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([new Promise<void>((closed) => udp.close(closed)), new Promise((closed) => tcp.close(closed))]);
    },
  };
  let open = true;
  const { close } = server;
  server.close = async () => {
    if (open) await close();
    open = false;
  };
  onTestFinished(server.close);
  return server;

  function answer(bytes: Uint8Array, over: Question['over'], end: Question['end'], send: Question['send']): void {
    const { id, questions } = codec.decode(bytes) as DnsQuery;
    const { name, type } = questions[0]!;
    const question = { name, type, over, id, send, end };
    server.questions.push(question);
    const said = server.reply(question);
    if (said !== undefined) send(encode(question, said));
  }
}

/** What does not fit into a datagram is left out, and said to be (RFC 1035, section 4.2.1). */
export function encode({ id, name, type, over }: Question, said: readonly object[] | number): Uint8Array {
  const rcode = typeof said === 'number' ? said : 0;
  const answers = typeof said === 'number' ? [] : said;
  const packet = { type: 'response', id, questions: [{ name, type }] };
  const whole = codec.encode({ ...packet, flags: rcode, answers });
  return over === 'tcp' || whole.length <= 512 ? whole : codec.encode({ ...packet, flags: 1 << 9, answers: [] });
}

export function a(address: string, ttl: number, name = 'users.test'): object {
  return { type: address.includes(':') ? 'AAAA' : 'A', name, ttl, data: address };
}

export function srv(target: string, port: number, ttl: number, priority = 0, weight = 1): object {
  return { type: 'SRV', name: '_http._tcp.users.test', ttl, data: { target, port, priority, weight } };
}
