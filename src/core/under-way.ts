import { guard } from './pipeline.ts';
import type { CallOptions, Context, Policy, Task } from './policy.ts';
import { Scope } from './scope.ts';

/** Calls that have begun and not ended, those among them that nobody waits for any more too, so that a drain waits for them. */
export class CallsUnderWay {
  private readonly contexts: Set<Context> = new Set();
  private empty: (() => void)[] = [];
  private readonly policy: Policy = guard<Context>({
    holds: true,
    enter: (context) => {
      this.contexts.add(context);
      return context;
    },
    leave: (context) => {
      this.contexts.delete(context);
      if (this.contexts.size > 0) return;
      for (const told of this.empty.splice(0)) told();
    },
  });

  get size(): number {
    return this.contexts.size;
  }

  /** What the caller says of the call tells it from others, so it must be given. */
  execute<T>(task: Task<T>, options: CallOptions | Context): Promise<T> {
    return this.policy.execute(task, options);
  }

  /** Whether a call is made inside one of these, which so waits for it; only a context that was handed on can tell. */
  isAround(context: Context): boolean {
    return isInside(context, this.contexts);
  }

  /** Resolves once there are none. */
  drained(): Promise<void> {
    return this.contexts.size === 0 ? Promise.resolve() : new Promise((resolve) => this.empty.push(resolve));
  }
}

/** Whether a call is made inside one that got one of these contexts. */
export function isInside(context: Context, contexts: ReadonlySet<Context>): boolean {
  let scope = context instanceof Scope ? context : undefined;
  while (scope !== undefined && !contexts.has(scope)) scope = scope.around;
  return scope !== undefined;
}
