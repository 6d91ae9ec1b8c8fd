import { checked, objectWith } from '../core/options.ts';
import { type Part, rowOf } from '../core/pipeline.ts';
import type { Milliseconds, Policy } from '../core/policy.ts';

/** A place where the order of two policies is known to be wrong. */
export interface LintNote {
  /** Which rule it breaks, to be named in `ignore`. */
  readonly rule: string;
  /** What goes wrong. */
  readonly reason: string;
  /** The names of the two policies, as their `name` options say. */
  readonly outer: string;
  readonly inner: string;
}

export interface LintOptions {
  /** Rules that are broken on purpose. */
  ignore?: readonly string[] | undefined;
}

interface Rule {
  readonly rule: string;
  readonly outer: readonly string[];
  readonly inner: readonly string[];
  readonly reason: string;
  /** Right after all if one of these stands inside the inner one. */
  readonly unless?: readonly string[];
  /** Right after all if one of these stands between the two. */
  readonly past?: readonly string[];
  /** Wrong only if this holds of the two. */
  readonly when?: (outer: Part, inner: Part) => boolean;
}

/** They keep a slot for as long as what is inside them takes. */
const slots = ['bulkhead', 'concurrencyLimit', 'shed', 'shuffleShard'];
/** They learn from failures. */
const learners = ['retry', 'hedge', 'circuitBreaker', 'throttle', 'concurrencyLimit'];

const rules: readonly Rule[] = [
  {
    rule: 'fallback-inside',
    outer: learners,
    inner: ['fallback'],
    reason: 'it takes the value of the fallback for a success, and is blind to failures: a fallback belongs outermost',
  },
  {
    rule: 'breaker-outside-retry',
    outer: ['circuitBreaker'],
    inner: ['retry'],
    reason: 'it learns of a failure once all tries are used up, so it opens late: a breaker belongs inside the retry',
  },
  {
    rule: 'slot-during-backoff',
    outer: slots,
    inner: ['retry'],
    reason: 'a call keeps its slot while it waits for its next try: slots belong inside the retry',
  },
  {
    rule: 'hedge-outside-retry',
    outer: ['hedge'],
    inner: ['retry'],
    reason: 'each hedge has tries of its own, and its delay counts their waits: a hedge belongs inside the retry',
  },
  {
    rule: 'hedge-outside-shared',
    outer: ['hedge'],
    inner: ['cache', 'coalesce'],
    reason: 'its second call waits for the very run that is slow: a hedge belongs inside what shares the work',
  },
  {
    rule: 'retry-inside-retry',
    outer: ['retry'],
    inner: ['retry'],
    reason: 'tries multiply: one retry is enough, or a budget that both share',
  },
  {
    rule: 'timeout-outside-breaker',
    outer: ['timeout'],
    inner: ['circuitBreaker'],
    unless: ['timeout'],
    reason: 'what times out is abandoned, of which the breaker learns nothing: a timeout belongs inside it too',
  },
  {
    rule: 'timeout-inside-shorter',
    outer: ['timeout'],
    inner: ['timeout'],
    // What is shared goes on for others, or in the background.
    past: ['cache', 'coalesce'],
    when: (outer, inner) => (withinOf(outer) ?? Infinity) < (withinOf(inner) ?? 0),
    reason: 'it never fires: no try of a hanging task ends in time for another, and no breaker hears of it',
  },
  {
    rule: 'shared-inside-limit',
    outer: ['circuitBreaker', 'rateLimit', 'throttle', ...slots],
    inner: ['cache', 'coalesce'],
    reason: 'a call that costs nothing is charged, or turned away: what saves the work belongs outside',
  },
];

declare const process: { readonly env: { readonly NODE_ENV?: string } };

/**
 * Names orders of policies that are known to be wrong, with the reason; an empty list means nothing is known against
 * the pipeline. To be run in development: under `NODE_ENV=production` it looks at nothing and finds nothing, and a
 * bundler that knows `process.env.NODE_ENV` leaves it out.
 *
 * It sees what stands in one pipeline, nested ones included, not what tasks call. A policy that is given twice is
 * named as well.
 *
 * @example
 * for (const { rule, outer, inner, reason } of lint(guarded)) console.warn(`${rule}: ${outer} > ${inner}: ${reason}`);
 *
 * @throws {TypeError} for anything that is not a policy, and for a rule in `ignore` that there is not
 */
export function lint(policy: Policy<unknown>, options: LintOptions = {}): readonly LintNote[] {
  try {
    if (process.env.NODE_ENV === 'production') return [];
  } catch {
    // No process, no production: a browser, and no bundler that has said so.
  }
  objectWith('execute')('lint: policy', policy);
  const { ignore = [] } = checked('lint', options, { ignore: rulesOnly });
  const row = rowOf(policy);
  const notes: LintNote[] = [];
  row.forEach((outer, i) => {
    row.slice(i + 1).forEach((inner, between) => {
      const found = heart(outer) === heart(inner) ? twice : rules.find((rule) => breaks(rule, i, i + 1 + between));
      if (found === undefined || ignore.includes(found.rule)) return;
      const { rule, reason } = found;
      notes.push({ rule, reason, outer: nameOf(outer), inner: nameOf(inner) });
    });
  });
  return notes;

  function breaks({ outer, inner, unless = [], past = [], when = always }: Rule, i: number, j: number): boolean {
    return (
      outer.includes(kindOf(row[i])) &&
      inner.includes(kindOf(row[j])) &&
      when(row[i] as Part, row[j] as Part) &&
      !row.slice(i + 1, j).some((part) => past.includes(kindOf(part))) &&
      !row.slice(j + 1).some((part) => unless.includes(kindOf(part)))
    );
  }
}

const twice = {
  rule: 'same-policy-twice',
  reason: 'one and the same policy counts each call twice, and may wait for itself',
};

const always = (): boolean => true;

function rulesOnly(label: string, value: unknown): void {
  const known = [...rules, twice].map(({ rule }) => rule);
  if (Array.isArray(value) && value.every((rule) => known.includes(rule as string))) return;
  throw new TypeError(`${label} must be a list of ${known.join(', ')}, got ${String(value)}`);
}

/** What a part is, whatever wraps it. */
function heart(part: Part): object {
  return 'layer' in part ? part.layer : part.around;
}

function kindOf(part: Part | undefined): string {
  return (part && (heart(part) as { kind?: string }).kind) ?? '';
}

/** How long a timeout is; one that never fires does not say. */
function withinOf(part: Part): Milliseconds | undefined {
  return (heart(part) as { within?: Milliseconds }).within;
}

function nameOf(part: Part): string {
  const { name, kind } = heart(part) as { name?: string; kind?: string };
  return name ?? kind ?? 'a policy of your own';
}
