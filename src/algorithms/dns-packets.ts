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
  // Aliases on the way count too: they may end before the record does. A ttl with its highest bit set is none: RFC 2181.
  const ttl = Math.min(...answers.map((answer) => (answer.ttl < 2 ** 31 ? answer.ttl * 1_000 : 0)));
  return answers
    .filter(({ type }) => type === 'SRV')
    .map(({ data: { target, port, priority, weight } }) => ({ host: target, port, priority, weight, ttl }));
}

/** Of a server as `node:dns` writes it: `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. */
export function hostAndPort(server: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(server) ?? [];
  return { host: bracketed ?? plain ?? server, port: Number(port ?? 53) };
}

function folded(name = ''): string {
  return name.toLowerCase().replace(/\.$/, '');
}
