import { shown, typed } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { DnsRecord } from './dns-records.ts';

/** A question as it is sent, in the words of the package dns-packet. */
export interface DnsQuery {
  readonly type: 'query';
  /** 16 bits, which its answer repeats. */
  readonly id: number;
  readonly flags: number;
  readonly questions: readonly { readonly type: string; readonly name: string }[];
}

/** What comes back, in the same words. */
export interface DnsPacket {
  readonly id: number;
  /** It is an answer. */
  readonly flag_qr: boolean;
  /** It was too long for a datagram, and was cut off. */
  readonly flag_tc: boolean;
  readonly rcode: string;
  readonly questions: DnsQuery['questions'];
  readonly answers: readonly {
    readonly type: string;
    /** In seconds. */
    readonly ttl: number;
    /** Of an SRV record. */
    readonly data: {
      readonly target: string;
      readonly port: number;
      readonly priority: number;
      readonly weight: number;
    };
  }[];
}

/** Whether that is asked for here, and not an answer to something else: RFC 5452, section 3. */
export function isAnswer({ flag_qr, id, questions: [asked] }: DnsPacket, query: DnsQuery): boolean {
  const [question] = query.questions;
  return flag_qr && id === query.id && asked?.type === question?.type && folded(asked?.name) === folded(question?.name);
}

/**
 * The SRV records of an answer.
 *
 * @throws {Error} for an answer that says neither which there are nor that there are none
 */
export function srvRecords({ rcode, answers }: DnsPacket): DnsRecord[] {
  if (rcode === 'NXDOMAIN') return [];
  if (rcode !== 'NOERROR') throw new Error(`the answer was ${rcode}`);
  // Aliases on the way count too: they may end before the record does.
  const ttl = answers.reduce((least, answer) => Math.min(least, timeOf(answer.ttl)), Infinity);
  return answers
    .filter(({ type }) => type === 'SRV')
    .map(({ data: { target, port, priority, weight } }) => ({ host: target, port, priority, weight, ttl }));
}

/**
 * A name as it can be sent: others go as a question about something else.
 *
 * @throws {RangeError | TypeError} for one that cannot: RFC 1035, section 2.3.4
 */
export function dnsName(label: string, value: unknown): void {
  typed('string')(label, value);
  if (!/^(?=.{1,253}\.?$)[!--/-~]{1,63}(?:\.[!--/-~]{1,63})*\.?$/.test(value as string))
    throw new RangeError(
      `${label} must have labels of 1 to 63 ASCII characters, and 253 in all at most, got ${shown(value)}`,
    );
}

/** A ttl, given in seconds. One with its highest bit set is none: RFC 2181, section 8. */
export function timeOf(ttl: number): Milliseconds {
  return ttl < 2 ** 31 ? ttl * 1_000 : 0;
}

/** Of a server as `node:dns` writes it: `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. */
export function hostAndPort(server: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(server) ?? [];
  return { host: bracketed ?? plain ?? server, port: Number(port ?? 53) };
}

function folded(name = ''): string {
  return name.toLowerCase().replace(/\.$/, '');
}
