import type { Milliseconds } from '../../src/core/policy.ts';

// The same words on every machine, whatever its locale.
const numbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function whole(value: number): string {
  return numbers.format(value);
}

/** Rounded down: 99.97 % is not 100 %. */
export function percent(ratio: number): string {
  return `${(Math.floor(ratio * 1_000) / 10).toFixed(1)} %`;
}

/** Rounded up, for what nobody wants: 0.03 % is not none. */
export function percentUp(ratio: number): string {
  return `${(Math.ceil(ratio * 1_000) / 10).toFixed(1)} %`;
}

export function milliseconds(time: Milliseconds): string {
  return `${numbers.format(time)} ms`;
}

export function seconds(time: Milliseconds): string {
  return `${(time / 1_000).toFixed(1)} s`;
}
