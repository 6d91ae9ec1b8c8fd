import { nothing } from './promise.ts';

/** Waits, one at a time, that end when a signal aborts, whatever becomes of what they are for. */
export class Interrupt {
  private readonly signal: AbortSignal | undefined;
  private end: () => void = nothing;

  /** @param until once that aborts, the signal is listened to no more */
  constructor(signal: AbortSignal | undefined, until: AbortSignal) {
    this.signal = signal;
    signal?.addEventListener('abort', () => this.end(), { signal: until });
  }

  /** Gives what the work does, or rejects with the reason of the signal. A race would keep each of them for as long as that lives. */
  wait<R>(work: R | PromiseLike<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      this.end = () => reject(this.signal?.reason);
      if (this.signal?.aborted) this.end();
      Promise.resolve(work).then(resolve, reject);
    });
  }

  /** Goes through them as `for await` does. They are told to end when that does, but not waited for once the signal aborts. */
  async *each<K>(all: AsyncIterable<K> | Iterable<K>): AsyncGenerator<K, void, undefined> {
    const iterator = Symbol.asyncIterator in all ? all[Symbol.asyncIterator]() : all[Symbol.iterator]();
    const close = async (): Promise<unknown> => iterator.return?.();
    try {
      for (;;) {
        const step = await this.wait<IteratorResult<K, unknown>>(iterator.next());
        if (step.done) return;
        yield step.value;
      }
    } finally {
      await this.wait(close()).catch(nothing);
    }
  }
}
