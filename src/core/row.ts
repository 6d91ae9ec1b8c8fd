import { hear, reportError } from './events.ts';
import type { Layer } from './layer.ts';
import type { Outcome } from './outcome.ts';
import type { Context } from './policy.ts';
import { nothing } from './promise.ts';
import { nobody } from './scope.ts';

type Enter = (context: Context) => unknown;
type Leave = (permit: unknown, outcome: Outcome, context: Context) => unknown;

/** What a call got of its guards, by slot. */
export interface Permits {
  readonly p0: unknown;
  readonly p1: unknown;
  readonly p2: unknown;
  readonly p3: unknown;
  readonly more?: unknown[] | undefined;
}

/**
 * Guards and recoveries in a row, read once: what a call asks of them stands in fields, by slot. The first four guards
 * are unrolled by position, as a loop over an array costs twice as much (bench/core). Their functions have fields of
 * their own: layers are of many shapes, and a look-up in an object of unforeseen shape is dear.
 */
export class Row {
  readonly layers: readonly Layer[];
  readonly hasAround: boolean;
  /** Asks about values too. */
  readonly valued: boolean;
  readonly recovers: boolean;
  /** The guard that watches, and the place of the scope inside it. */
  readonly watcher: Layer | undefined;
  readonly position: number;
  /** Nothing of its own: the identity. */
  protected readonly empty: boolean;
  /** Each call is a run from its start. */
  protected readonly runs: boolean;
  protected readonly passes: boolean;
  /** Nothing can outlast a call but by what its context is asked for: calls may share one. */
  protected readonly shares: boolean;
  /** The places of the guards, which are the slots below. */
  protected readonly places: readonly number[];
  /** Slots up to and with the guard that watches: they are outside its scope. */
  readonly outside: number;
  protected readonly further: readonly Layer[];
  protected readonly e0: Enter | undefined;
  protected readonly e1: Enter | undefined;
  protected readonly e2: Enter | undefined;
  protected readonly e3: Enter | undefined;
  protected readonly l0: Leave | undefined;
  protected readonly l1: Leave | undefined;
  protected readonly l2: Leave | undefined;
  protected readonly l3: Leave | undefined;
  protected s0: unknown = undefined;
  protected s1: unknown = undefined;
  protected s2: unknown = undefined;
  protected s3: unknown = undefined;

  constructor(layers: readonly Layer[], hasAround: boolean) {
    const places = [...layers.keys()].filter((i) => layers[i]?.enter !== undefined || layers[i]?.leave !== undefined);
    const [g0, g1, g2, g3, ...further] = places.map((i) => layers[i] as Layer);
    const scoping = layers.filter((layer) => layer.watch !== undefined || layer.within !== undefined);
    const place = layers.indexOf(scoping[0] as Layer);
    this.layers = layers;
    this.hasAround = hasAround;
    this.valued = layers.some((layer) => layer.values === true);
    this.recovers = layers.some((layer) => layer.recover !== undefined);
    this.watcher = scoping[0];
    this.position = place < 0 ? -1 : 2 * place;
    this.empty = layers.length === 0 && !this.hasAround;
    this.runs = this.hasAround || scoping.length > 1 || (place >= 0 && this.watcher?.watch === undefined);
    this.passes = place < 0 && !this.recovers && !layers.some((layer) => layer.leave !== undefined);
    this.shares =
      !this.runs && place < 0 && !this.valued && further.length === 0 && !layers.some((layer) => layer.holds);
    this.places = places;
    this.outside = places.filter((i) => i <= place).length;
    this.further = further;
    this.e0 = freed(g0, 'enter');
    this.e1 = freed(g1, 'enter');
    this.e2 = freed(g2, 'enter');
    this.e3 = freed(g3, 'enter');
    this.l0 = freed(g0, 'leave');
    this.l1 = freed(g1, 'leave');
    this.l2 = freed(g2, 'leave');
    this.l3 = freed(g3, 'leave');
  }

  /** Leaves from the inside out. Written out: it is the larger part of what a call costs. */
  leave(permits: Permits, outcome: Outcome, context: Context): void {
    const { l0, l1, l2, l3, outside } = this;
    if (l3 !== undefined && permits.more !== undefined) this.leaveFurther(permits.more, outcome, context);
    if (l0 === undefined) return;
    if (l1 !== undefined) {
      if (l2 !== undefined) {
        if (l3 !== undefined) {
          try {
            const told = l3(permits.p3, outcome, outside > 3 ? nobody : context);
            if (told !== undefined) hear(told);
          } catch (error) {
            reportError(error);
          }
        }
        try {
          const told = l2(permits.p2, outcome, outside > 2 ? nobody : context);
          if (told !== undefined) hear(told);
        } catch (error) {
          reportError(error);
        }
      }
      try {
        const told = l1(permits.p1, outcome, outside > 1 ? nobody : context);
        if (told !== undefined) hear(told);
      } catch (error) {
        reportError(error);
      }
    }
    try {
      const told = l0(permits.p0, outcome, outside > 0 ? nobody : context);
      if (told !== undefined) hear(told);
    } catch (error) {
      reportError(error);
    }
  }

  private leaveFurther(more: unknown[], outcome: Outcome, context: Context): void {
    for (let i = more.length - 1; i >= 0; i--) {
      try {
        hear(this.further[i]?.leave?.(more[i], outcome, i + 4 < this.outside ? nobody : context));
      } catch (error) {
        reportError(error);
      }
    }
  }

  placeOf(slot: number): number {
    return this.places[slot] ?? this.layers.length;
  }

  byPlace(permits: readonly unknown[]): unknown[] {
    const { places } = this;
    const all = new Array<unknown>(this.layers.length);
    for (let slot = 0; slot < permits.length && slot < places.length; slot++)
      all[places[slot] as number] = permits[slot];
    return all;
  }
}

/**
 * A function of a layer that is called without the layer. V8 sees which function that is, also where it is a closure of
 * many, and inlines it; what is called through `call` it never does. One that speaks of `this` is bound, and so is one
 * whose text is not to be had: bound already, or compiled by Hermes.
 */
function freed(layer: Layer | undefined, of: 'enter' | 'leave'): ((...given: unknown[]) => unknown) | undefined {
  const own = layer && ((layer[of] ?? nothing) as (...given: unknown[]) => unknown);
  return own && /\b(this|super|eval)\b|\{\s*\[/.test(Function.prototype.toString.call(own)) ? own.bind(layer) : own;
}
