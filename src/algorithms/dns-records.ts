import { integer, number, shown } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';
import type { Target } from '../core/router.ts';

/** What a look-up gives of one host. */
export interface DnsRecord {
  /** An address, or the name of a host. `.` says that there is no such service. */
  readonly host: string;
  readonly port?: number | undefined;
  /** Lower goes first. Default 0. */
  readonly priority?: number | undefined;
  /** Its share among those of its priority. 0: hardly any, unless all have 0. Default 1. */
  readonly weight?: number | undefined;
  /** How long it holds. */
  readonly ttl: Milliseconds;
}

/** A host, as DNS names it: the same object for as long as nothing about it changes. */
export interface DnsTarget extends Target {
  /** `host:port`, or the host alone, as it stands in a URL: `10.0.0.7:8080`, `[2001:db8::7]:8080`, `db1.example:5432`. */
  readonly name: string;
  /** An address, or for SRV the name of a host. */
  readonly host: string;
  readonly port?: number;
  readonly priority: number;
  readonly weight: number;
}

/**
 * The targets that records speak of, each once, by priority and name, and how long all of that holds.
 *
 * A weight of 0 among others gets what the running sums of RFC 2782 give it: all zeros together as much as a weight of 1.
 * Where all weights are 0, there is nothing to choose by, and all are 1.
 *
 * @param port of those that have none of their own
 */
export function targetsOf(
  records: readonly DnsRecord[],
  port: number | undefined,
): { readonly targets: readonly DnsTarget[]; readonly ttl: Milliseconds } {
  let ttl = Infinity;
  const named = new Map<string, DnsTarget>();
  // Servers turn the order round: of two records of one host it must always be the same one that counts.
  for (const record of records.map(filled).sort((a, b) => a.priority - b.priority || b.weight - a.weight)) {
    ttl = Math.min(ttl, record.ttl);
    const host = record.host.toLowerCase().replace(/\.$/, '');
    if (host === '') continue;
    const target = { host, priority: record.priority, weight: record.weight };
    const own = record.port ?? port;
    const name = (host.includes(':') ? `[${host}]` : host) + (own === undefined ? '' : `:${own}`);
    if (!named.has(name)) named.set(name, own === undefined ? { name, ...target } : { name, ...target, port: own });
  }
  /** Of each priority: how many there are, and how many of these have a weight of 0. */
  const counts = new Map<number, { all: number; zeros: number }>();
  for (const { priority, weight } of named.values()) {
    const { all, zeros } = counts.get(priority) ?? { all: 0, zeros: 0 };
    counts.set(priority, { all: all + 1, zeros: weight === 0 ? zeros + 1 : zeros });
  }
  const targets = Array.from(named.values(), (target) => {
    if (target.weight > 0) return target;
    const { all, zeros } = counts.get(target.priority) as { all: number; zeros: number };
    return { ...target, weight: zeros === all ? 1 : 1 / zeros };
  });
  return { targets: targets.sort((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1)), ttl };
}

const least = /* @__PURE__ */ number(0, Number.MAX_VALUE);
const ports = /* @__PURE__ */ integer(0, 65_535);

function filled({ host, port, priority = 0, weight = 1, ttl }: DnsRecord) {
  // Names in DNS may have any bytes in them: some would make another URL of the one that a host is put into.
  if (typeof host !== 'string' || !/^[\w.:%-]*$/.test(host))
    throw new TypeError(`a record must have a host, a name or an address, got ${shown(host)}`);
  if (port !== undefined) ports(`${host}: port`, port);
  least(`${host}: priority`, priority);
  least(`${host}: weight`, weight);
  // What is no time holds for none.
  return { host, port, priority, weight, ttl: ttl >= 0 ? ttl : 0 };
}
