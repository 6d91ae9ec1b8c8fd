import { Frame } from './frame.ts';
import type { Guard, Layer, Recovery } from './layer.ts';
import { shown } from './options.ts';
import type { AddedOf, Policy, Task } from './policy.ts';

/**
 * Where a policy made here keeps what it is made of, outermost first, so that pipelines can join it with others, and
 * the function that does the same: whoever has replaced that by one of his own is taken at his word.
 */
const parts: unique symbol = Symbol('holdfast.parts');

/** A layer of a frame, or a policy of somebody else's that runs round what is inside it. */
export type Part = { readonly layer: Layer } | { readonly around: Policy<unknown> };

interface Joinable {
  readonly [parts]?: { readonly row: readonly Part[]; readonly execute: Policy['execute']; readonly members: object };
}

/**
 * Joins policies into one: the first is outermost. Neighbouring guards and recoveries share one frame, whatever their
 * number, so that four policies cost one promise and not four. Without policies it is the identity.
 *
 * Its member `idle` says whether all of them are, which `perKey` asks before it forgets one.
 *
 * @throws {TypeError} for anything that has no `execute`
 *
 * @example
 * const guarded = pipeline(retry(), circuitBreaker(), timeout({ duration: 2_000 }));
 * await guarded.execute(({ signal }) => fetch(url, { signal }));
 */
export function pipeline<const P extends readonly unknown[]>(
  ...policies: P & { [K in keyof P]: Policy<AddedOf<P[K]>> }
): Policy<AddedOf<P[number]>> {
  const idle = {
    // A policy that does not say has nothing to remember.
    get idle() {
      return (policies as readonly { readonly idle?: boolean }[]).every((policy) => policy.idle !== false);
    },
  };
  return joined((policies as readonly Policy<unknown>[]).flatMap(partsOf), idle) as Policy<AddedOf<P[number]>>;
}

/**
 * A policy that decides before a task and learns after it, with the members its users see.
 *
 * @example
 * const oneAtATime = () => {
 *   let busy = false;
 *   return guard({
 *     enter: () => { if (busy) throw new RejectedError({ name: 'one', message: 'busy' }); busy = true; },
 *     leave: () => { busy = false; },
 *   });
 * };
 */
export function guard<Permit, Members extends object = object>(
  spec: Guard<Permit>,
  members?: Members,
): Policy & Members {
  return joined([{ layer: spec as Layer }], members) as Policy & Members;
}

/** A policy that answers an outcome on its way out, and may be a guard as well: it then enters once for all its tries. */
export function recovery<Added = never, Permit = void, Members extends object = object>(
  spec: Recovery<Added> & Guard<Permit>,
  members?: Members,
): Policy<Added> & Members {
  return joined([{ layer: spec as Layer }], members) as Policy<Added> & Members;
}

function partsOf(policy: Policy<unknown> | null | undefined, i: number): readonly Part[] {
  if (typeof policy?.execute !== 'function') {
    throw new TypeError(`pipeline: policy ${i + 1} must have a method execute, got ${shown(policy)}`);
  }
  return rowOf(policy);
}

/** What a policy is made of, the outermost first. */
export function rowOf(policy: Policy<unknown> & Joinable): readonly Part[] {
  const own = policy[parts];
  return own !== undefined && own.execute === policy.execute ? own.row : [{ around: policy }];
}

/**
 * Members keep their getters: `state` and `running` are read when asked for. All policies have the getter of a name in
 * common, or V8 would take every second policy of a kind for a dictionary, whose `execute` is looked up by hash.
 */
function joined(row: readonly Part[], members: object = {}): Policy<unknown> {
  const frame = framed(row);
  const execute = <T>(task: Task<T>, options?: Parameters<Policy['execute']>[1]) => frame.execute(task, options);
  const policy = { execute };
  for (const key of Reflect.ownKeys(members)) {
    const member = Object.getOwnPropertyDescriptor(members, key) as PropertyDescriptor;
    if (member.get) member.get = getters[key] ??= getter(key);
    Object.defineProperty(policy, key, member);
  }
  return Object.defineProperty(policy, parts, { value: { row, execute, members } });
}

const getters: Record<PropertyKey, () => unknown> = /* @__PURE__ */ Object.create(null);

function getter(key: PropertyKey) {
  return function (this: Required<Joinable>): unknown {
    // It speaks of the policy by `this`, as methods and setters do.
    return Reflect.get(this[parts].members, key, this);
  };
}

/** One frame up to the first policy that runs round what is inside it, whose task is the frame of the rest. */
function framed(row: readonly Part[]): Frame {
  const layers: Layer[] = [];
  for (const [i, part] of row.entries()) {
    if ('around' in part) return new Frame(layers, part.around, framed(row.slice(i + 1)));
    layers.push(part.layer);
  }
  return new Frame(layers, undefined, undefined);
}
