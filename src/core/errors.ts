import type { Milliseconds } from './policy.ts';

/** What an error of holdfast tells. */
export interface ErrorDetails {
  /** The policy that speaks: its `name` option, or its factory's name. */
  name: string;
  message: string;
  /** How long to wait before another try makes sense, where that is known. */
  retryAfter?: Milliseconds | undefined;
  /** What led here: the failure that opened the circuit, the rejection that came after a timeout. */
  cause?: unknown;
  /** Keeps the stack. It costs ten times the rest of a rejection, so it is left out unless asked for. */
  captureStack?: boolean | undefined;
}

/** Seen so, and not declared globally: a global declaration would clash with that of a user's run-time types. */
const stacks = Error as { stackTraceLimit?: number | undefined };

/** How many frames of a stack errors keep from now on. A hardened run time has frozen it. */
function keepFrames(limit: number | undefined): void {
  try {
    stacks.stackTraceLimit = limit;
  } catch {
    // Then they keep what it says.
  }
}

/**
 * What all errors of holdfast share. `instanceof` works across duplicate installs: each class has a kind, the path of
 * its name below its ancestors', and any object with such a kind is an instance. A subclass of a user's own has no kind
 * of its own, and is told by its prototype as usual.
 */
export abstract class HoldfastError extends Error {
  /** Tells the kind of error to programs, whatever the policy is called. */
  declare readonly code: string;
  /** The policy that speaks, and no kind of error: printed, an error begins with who gave it. */
  declare readonly name: string;
  declare readonly retryAfter: Milliseconds | undefined;

  constructor(code: string, { name, message, retryAfter, cause, captureStack = false }: ErrorDetails) {
    const limit = stacks.stackTraceLimit;
    if (!captureStack) keepFrames(0);
    super(message);
    if (!captureStack) keepFrames(limit);
    this.code = code;
    this.name = name;
    if (retryAfter !== undefined) this.retryAfter = retryAfter;
    if (cause !== undefined) this.cause = cause;
  }

  /** The class's own name below its ancestors': `RejectedError/CircuitOpenError`. */
  abstract get 'holdfast:kind'(): string;

  static override [Symbol.hasInstance](value: unknown): boolean {
    const { prototype } = this;
    return Object.hasOwn(prototype, 'holdfast:kind')
      ? isOf(prototype['holdfast:kind'], value)
      : super[Symbol.hasInstance](value);
  }
}

/** The task was turned away and never ran: safe to try again, after `retryAfter` where that is known. */
export class RejectedError extends HoldfastError {
  constructor(details: ErrorDetails, code = 'ERR_REJECTED') {
    super(code, details);
  }

  get 'holdfast:kind'(): string {
    return 'RejectedError';
  }
}

/** The circuit is open, or half open with all its probes out. `cause` is the failure that opened it. */
export class CircuitOpenError extends RejectedError {
  constructor(details: ErrorDetails) {
    super(details, 'ERR_CIRCUIT_OPEN');
  }

  override get 'holdfast:kind'(): string {
    return 'RejectedError/CircuitOpenError';
  }
}

/** All slots are taken and the line is full, the wait for a slot took too long, or the bulkhead is closed. */
export class BulkheadFullError extends RejectedError {
  constructor(details: ErrorDetails) {
    super(details, 'ERR_BULKHEAD_FULL');
  }

  override get 'holdfast:kind'(): string {
    return 'RejectedError/BulkheadFullError';
  }
}

/** The rate limit is reached, and no permit comes in the time there is. `retryAfter` says when one does. */
export class RateLimitedError extends RejectedError {
  constructor(details: ErrorDetails) {
    super(details, 'ERR_RATE_LIMITED');
  }

  override get 'holdfast:kind'(): string {
    return 'RejectedError/RateLimitedError';
  }
}

/** As many calls run as the adaptive limit allows now, and the line is full, or the wait took too long. */
export class ConcurrencyLimitedError extends RejectedError {
  constructor(details: ErrorDetails) {
    super(details, 'ERR_CONCURRENCY_LIMITED');
  }

  override get 'holdfast:kind'(): string {
    return 'RejectedError/ConcurrencyLimitedError';
  }
}

/** Too much is asked, and this call is what is given up: shed here, throttled before it is sent, or stepped aside. */
export class ShedError extends RejectedError {
  constructor(details: ErrorDetails) {
    super(details, 'ERR_SHED');
  }

  override get 'holdfast:kind'(): string {
    return 'RejectedError/ShedError';
  }
}

/** There is no target to send the call to, or none that is eligible: `targets` says which there are, and why not. */
export class NoTargetError extends RejectedError {
  /** Each target's name, and what keeps calls from it: `down`, `ejected`, `draining`, `tried`. Empty: there is none. */
  declare readonly targets: ReadonlyMap<string, string>;

  constructor(details: ErrorDetails & { targets?: ReadonlyMap<string, string> | undefined }) {
    super(details, 'ERR_NO_TARGET');
    this.targets = details.targets ?? new Map();
  }

  override get 'holdfast:kind'(): string {
    return 'RejectedError/NoTargetError';
  }
}

/** The task took longer than it may. The task's signal aborts with this very error as its reason. */
export class TimeoutError extends HoldfastError {
  /** What the task was allowed. */
  declare readonly duration: Milliseconds;

  constructor(details: ErrorDetails & { duration: Milliseconds }) {
    super('ERR_TIMEOUT', details);
    this.duration = details.duration;
  }

  get 'holdfast:kind'(): string {
    return 'TimeoutError';
  }
}

/** The reason given to work that nobody waits for any more: a superseded loser, work cut off by `close()`. */
export class AbandonedError extends HoldfastError {
  constructor(details: ErrorDetails) {
    super('ERR_ABANDONED', details);
  }

  get 'holdfast:kind'(): string {
    return 'AbandonedError';
  }
}

/** Whether it is a `RejectedError` or one of its kinds, of this copy of holdfast or another. Asked of every new permit. */
export function isRejection(error: unknown): error is RejectedError {
  return isOf('RejectedError', error);
}

function isOf(kind: string, value: unknown): boolean {
  const own = (value as HoldfastError | null | undefined)?.['holdfast:kind'];
  // Asked in every rejection, hence no new string.
  return typeof own === 'string' && own.startsWith(kind) && (own[kind.length] ?? '/') === '/';
}
