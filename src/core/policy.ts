/** A length of time, or a point on a clock's scale, in milliseconds; fractions are allowed. */
export type Milliseconds = number;

/** What a policy runs: gets the context of this try, and gives a value or a promise of one. */
export type Task<T> = (context: Context) => T | PromiseLike<T>;

/** What one try of a call knows about itself. Read-only, and never reused by a later try. */
export interface Context {
  /** Aborts when the caller, or a policy further out, gives this try up. Made when first read. */
  readonly signal: AbortSignal;
  /** 1 for the first try of the innermost retry around the task. */
  readonly attempt: number;
  /** When the call must be done, on the clock's monotonic scale; `Infinity` when it need not. */
  readonly deadline: Milliseconds;
  /** 0 is ordinary; a higher one goes first and is shed last. */
  readonly priority: number;
  /** What the call takes of a bulkhead or a rate limit; 1 unless given. */
  readonly cost: number;
}

/** What a caller may say about one call. */
export type CallOptions = Partial<Omit<Context, 'attempt'>>;

/** Carries, in types alone, what a policy may return in the task's stead. */
export declare const added: unique symbol;

/**
 * Runs tasks, and decides what becomes of them. Anything with `execute` is a policy.
 *
 * `Added` is what the policy may return in the task's stead: a fallback, a stale value.
 */
export interface Policy<Added = never> {
  /**
   * Runs the task under this policy. Rejects, and never throws.
   *
   * @param options what the caller says about this call; inside another policy's task, the context that task got
   */
  execute<T>(task: Task<T>, options?: CallOptions | Context): Promise<T | Added>;
  /** Type-only: without it TypeScript would not compare `Added` at all. */
  readonly [added]?: () => Added;
}

/** What a policy may return in the task's stead. */
export type AddedOf<P> = P extends { readonly [added]?: () => infer A } ? A : never;
