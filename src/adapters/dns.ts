/// <reference path="./dns-packet.d.ts" />
import {
  type DnsPacket,
  type DnsQuery,
  dnsName,
  hostAndPort,
  isAnswer,
  srvRecords,
  timeOf,
} from '../algorithms/dns-packets.ts';
import { type DnsRecord, type DnsTarget, targetsOf } from '../algorithms/dns-records.ts';
import {
  refreshedTargets,
  type TargetSet,
  type TargetSource,
  type TargetSourceEvent,
} from '../compositions/refreshed-targets.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { TimeoutError } from '../core/errors.ts';
import { emit, type Listener } from '../core/events.ts';
import { checked, integer, objectWith, oneOf, positive, shown, typed } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import { type Random, systemRandom } from '../core/random.ts';

export type { DnsRecord, DnsTarget, TargetSet, TargetSource };

type RecordType = 'A' | 'AAAA' | 'SRV';

export interface DnsTargetsOptions {
  /** What is looked up: the name of a host, or for SRV of a service, as `_http._tcp.example.com`. */
  hostname: string;
  /** Default `'A'`. */
  type?: RecordType | undefined;
  /** Of the targets, from 1 to 65,535. Not with SRV, whose records have their own. Default none. */
  port?: number | undefined;
  /** Who is asked: addresses, with ports where they differ from 53. Default those of the system. */
  servers?: readonly string[] | undefined;
  /** Looks up in place of DNS: all records there are. Giving `servers` too is an error. */
  resolve?: ((question: DnsQuestion) => readonly DnsRecord[] | PromiseLike<readonly DnsRecord[]>) | undefined;
  /** How long a look-up may take. Above 0. Default 5_000. */
  timeout?: Milliseconds | undefined;
  /** From one look-up to the next at least, though a ttl is shorter. Above 0. Default 1_000. */
  minTtl?: Milliseconds | undefined;
  /** And at most, though all ttls are longer. `minTtl` or more. Default 300_000. */
  maxTtl?: Milliseconds | undefined;
  /** Whether targets stay when there is no such name any more, or nothing behind it. Default true. */
  keepWhenEmpty?: boolean | undefined;
  clock?: Clock | undefined;
  /** Chance, that processes do not ask all at once. */
  random?: Random | undefined;
  /** Carried by errors and events. Default `'dnsTargets'`. */
  name?: string | undefined;
  onEvent?: Listener<DnsEvent> | undefined;
}

export interface DnsQuestion {
  readonly hostname: string;
  readonly type: RecordType;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * What a source tells: a look-up gave targets; some came, or went; there is no such name, or nothing behind it; a look-up
 * failed.
 */
export type DnsEvent = TargetSourceEvent<DnsTarget> & { readonly name: string; readonly hostname: string };

type Resolve = (question: DnsQuestion) => PromiseLike<readonly DnsRecord[]> | readonly DnsRecord[];

/**
 * Targets of a load balancer out of DNS: those of the A, AAAA or SRV records of a name. They are looked up again when the
 * ttl of the first of them is over, or up to a tenth of it later. What stays in DNS stays in the balancer, with all that
 * is known of it; one whose weight or priority changes begins anew.
 *
 * A look-up that fails changes nothing: the targets known last stay until the next one that succeeds (RFC 8767), 1 to 30 s
 * later. There is never more than one under way.
 *
 * Nothing is looked up before `start()`, and nothing any more after it is disposed of; until then its timer holds the
 * process. What has been added to balancers stays there.
 *
 * A and AAAA are asked for by `node:dns`. SRV records (RFC 2782) come without a ttl there; they are asked for over UDP, and
 * TCP where an answer is too long, and read by the package dns-packet (M. Buus), which has to be installed beside it.
 *
 * @example
 * using hosts = dnsTargets({ hostname: '_http._tcp.users.internal', type: 'SRV' });
 * const nodes = loadBalancer({ targets: hosts });
 * hosts.feed(nodes);
 * hosts.start();
 * await hosts.ready;
 * await retry().execute(nodes.route(({ name }, { signal }) => fetch(`http://${name}/users`, { signal })));
 *
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function dnsTargets(options: DnsTargetsOptions): TargetSource<DnsTarget> {
  const {
    hostname,
    type = 'A',
    port,
    servers,
    timeout = 5_000,
    minTtl = 1_000,
    maxTtl = Math.max(minTtl, 300_000),
    keepWhenEmpty = true,
    clock = systemClock,
    random = systemRandom,
    name = 'dnsTargets',
    onEvent,
    resolve = inTurn(servers, clock, timeout, type === 'SRV' ? byPackets : byNode),
  } = checked('dnsTargets', options, {
    hostname: dnsName,
    type: oneOf('A', 'AAAA', 'SRV'),
    port: integer(1, 65_535),
    servers: addresses,
    resolve: typed('function'),
    timeout: positive(Number.MAX_VALUE),
    minTtl: positive(Number.MAX_VALUE),
    maxTtl: positive(Number.MAX_VALUE),
    keepWhenEmpty: typed('boolean'),
    clock: objectWith('now', 'schedule'),
    random: typed('function'),
    name: typed('string'),
    onEvent: typed('function'),
  });
  dnsName('dnsTargets: hostname', hostname);
  if (type === 'SRV' && port !== undefined) throw new TypeError('dnsTargets: port and type "SRV" exclude each other');
  if (options.resolve && servers) throw new TypeError('dnsTargets: resolve and servers exclude each other');
  if (maxTtl < minTtl) throw new RangeError(`dnsTargets: maxTtl must be minTtl or more, got ${maxTtl}`);

  return refreshedTargets({
    name,
    look: async ({ signal }) => targetsOf(await records({ hostname, type, signal }), port),
    same: (one, other) => one.weight === other.weight && one.priority === other.priority,
    timeout,
    minTtl,
    maxTtl,
    keepWhenEmpty,
    clock,
    random,
    tell: (event) => emit(onEvent, { ...event, name, hostname }),
    hopeless: (error) => error instanceof MissingPackage,
  });

  async function records(question: DnsQuestion): Promise<readonly DnsRecord[]> {
    try {
      return await resolve(question);
    } catch (error) {
      if (isNone(error)) return [];
      throw error;
    }
  }
}

/** Errors of `node:dns` that are answers: there is no such name, or it has no such records. */
function isNone(error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown };
  return code === 'ENOTFOUND' || code === 'ENODATA';
}

/** What is used of Node: this file may be loaded where there is none. */
declare const process: { getBuiltinModule(id: string): unknown };

interface Emitter {
  on(event: string, heard: (argument: never) => void): void;
}

interface NodeDns {
  Resolver: new () => {
    setServers(servers: readonly string[]): void;
    getServers(): string[];
    cancel(): void;
    resolve4(hostname: string, options: { ttl: true }): Promise<{ address: string; ttl: number }[]>;
    resolve6(hostname: string, options: { ttl: true }): Promise<{ address: string; ttl: number }[]>;
  };
}

interface NodeDgram {
  createSocket(options: { type: 'udp4' | 'udp6'; signal: AbortSignal }): Emitter & {
    connect(port: number, host: string, connected: (error?: Error) => void): void;
    send(bytes: Uint8Array): void;
    close(): void;
  };
}

interface NodeNet {
  connect(options: { host: string; port: number; signal: AbortSignal }): Emitter & {
    write(bytes: Uint8Array): void;
    read(size: number): Uint8Array | null;
    destroy(): void;
  };
}

interface NodeCrypto {
  randomInt(below: number): number;
}

/** Made anew for each look-up, so that it asks whom the system asks by then. */
function nodeResolver(servers: readonly string[] | undefined) {
  const { Resolver } = process.getBuiltinModule('node:dns/promises') as NodeDns;
  const resolver = new Resolver();
  if (servers !== undefined) resolver.setServers(servers);
  return resolver;
}

function addresses(label: string, value: unknown): void {
  if (!Array.isArray(value) || value.length === 0 || !value.every((each) => typeof each === 'string'))
    throw new TypeError(`${label} must be an array of one address or more, got ${shown(value)}`);
  try {
    // Node ends the whole process over a port of 0, and takes 70000 for 4464.
    for (const server of value) integer(1, 65_535)('port', hostAndPort(server).port);
    nodeResolver(value);
  } catch (cause) {
    throw new RangeError(`${label} must be addresses, got ${value.map(shown).join(', ')}`, { cause });
  }
}

/** Asks each server in turn, and once more, each for its part of the time there is: until one says what there is. */
function inTurn(
  servers: readonly string[] | undefined,
  clock: Clock,
  timeout: Milliseconds,
  ask: (server: string, question: DnsQuestion) => Promise<readonly DnsRecord[]>,
): Resolve {
  return async (question) => {
    const { signal } = question;
    const all = nodeResolver(servers).getServers();
    const turns = [...all, ...all];
    const duration = timeout / turns.length;
    let failure: unknown;
    for (const server of turns) {
      signal.throwIfAborted();
      const controller = new AbortController();
      const abort = (): void => controller.abort(signal.reason);
      signal.addEventListener('abort', abort);
      const limit = clock.schedule(duration, () => {
        const message = `${server} did not answer in ${duration} ms`;
        controller.abort(new TimeoutError({ name: 'dnsTargets', message, duration }));
      });
      try {
        return await ask(server, { ...question, signal: controller.signal });
      } catch (error) {
        if (isNone(error)) return [];
        failure = controller.signal.reason ?? error;
      } finally {
        limit.cancel();
        signal.removeEventListener('abort', abort);
      }
    }
    throw failure;
  };
}

/** Asks for A or AAAA. Of several servers `node:dns` would take a failure of the first for the answer. */
async function byNode(server: string, { hostname, type, signal }: DnsQuestion): Promise<DnsRecord[]> {
  const resolver = nodeResolver([server]);
  signal.addEventListener('abort', () => resolver.cancel());
  const records = await resolver[type === 'A' ? 'resolve4' : 'resolve6'](hostname, { ttl: true });
  return records.map(({ address, ttl }) => ({ host: address, ttl: timeOf(ttl) }));
}

/** What reads SRV records is not there. */
class MissingPackage extends Error {}

function missing(cause: unknown): never {
  throw new MissingPackage('dnsTargets: SRV records are read by dns-packet: npm install dns-packet', { cause });
}

/** Asks for SRV. */
async function byPackets(server: string, { hostname, type, signal }: DnsQuestion): Promise<DnsRecord[]> {
  const codec = await import('dns-packet').catch(missing);
  const { randomInt } = process.getBuiltinModule('node:crypto') as NodeCrypto;
  const questions = [{ type, name: hostname }];
  const query: DnsQuery = { type: 'query', id: randomInt(65_536), flags: codec.RECURSION_DESIRED, questions };
  const short = await overUdp(codec, server, query, signal);
  return srvRecords(short.flag_tc ? await overTcp(codec, server, query, signal) : short);
}

type Codec = typeof import('dns-packet');

function overUdp(codec: Codec, server: string, query: DnsQuery, signal: AbortSignal): Promise<DnsPacket> {
  const { createSocket } = process.getBuiltinModule('node:dgram') as NodeDgram;
  const { host, port } = hostAndPort(server);
  return new Promise((resolve, reject) => {
    const bytes = codec.encode(query);
    const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', signal });
    const fail = (error: unknown): void => {
      reject(error);
      socket.close();
    };
    socket.on('error', fail);
    // By itself it closes only when the signal aborts.
    socket.on('close', () => reject(signal.reason));
    socket.on('message', (message: Uint8Array) => {
      const packet = read(codec, message, query);
      if (packet === undefined) return;
      resolve(packet);
      socket.close();
    });
    // Connected, it hears nobody else, and hears at once that nobody is there.
    socket.connect(port, host, (error) => {
      // The signal may have closed it in between, and it would throw where nobody catches that.
      if (signal.aborted) return;
      if (error) fail(error);
      else socket.send(bytes);
    });
  });
}

/** The same question, asked where answers of any length fit: after their length in two bytes (RFC 1035, section 4.2.2). */
function overTcp(codec: Codec, server: string, query: DnsQuery, signal: AbortSignal): Promise<DnsPacket> {
  const { connect } = process.getBuiltinModule('node:net') as NodeNet;
  return new Promise((resolve, reject) => {
    const socket = connect({ ...hostAndPort(server), signal });
    let length: number | undefined;
    socket.on('error', reject);
    socket.on('close', () => reject(signal.reason ?? new Error(`${server} broke off`)));
    socket.on('readable', () => {
      const prefix = length === undefined ? socket.read(2) : null;
      if (prefix?.length === 2) length = (prefix[0] as number) * 256 + (prefix[1] as number);
      const bytes = length === undefined ? null : socket.read(length);
      if (bytes === null) return;
      const packet = read(codec, bytes, query);
      if (packet !== undefined) resolve(packet);
      socket.destroy();
    });
    socket.write(codec.streamEncode(query));
  });
}

/** Undefined where it is none, or one to something else. */
function read(codec: Codec, bytes: Uint8Array, query: DnsQuery): DnsPacket | undefined {
  try {
    const packet = codec.decode(bytes) as DnsPacket;
    return isAnswer(packet, query) ? packet : undefined;
  } catch {
    return undefined;
  }
}
