import { checkCost, type Meter } from '../algorithms/meter.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { checked, made, objectWith, typed } from '../core/options.ts';

export interface ThrottleStreamOptions<Chunk = Uint8Array> {
  /** What says how much may pass in what time. Several streams that share one share what it admits, chunk by chunk. */
  meter: Meter;
  /** What a chunk costs, 0 or more. Default: the bytes of a `Uint8Array`, and 1 for anything else. */
  costOf?: ((chunk: Chunk) => number) | undefined;
  clock?: Clock | undefined;
}

/**
 * Lets chunks through as fast as a meter allows: an upload that leaves room for others, a download that is kept to its
 * share, items at so many a second. Each chunk waits until its cost is free, and is asked for only once somebody reads: no
 * more than one is held.
 *
 * A `Uint8Array` that costs more than the meter can ever give goes through in parts of half its size, or a half of that.
 * Anything else that does is a `RangeError` that ends the stream. Where the stream is aborted or cancelled, the chunk that
 * waits is dropped, its timer is cleared, and its cost goes back to the meter, as far as nobody has built upon it.
 *
 * @example
 * const slowly = throttleStream({ meter: tokenBucket({ limit: 1_000_000, interval: 1_000 }) });
 * await fetch(url, { method: 'POST', body: file.stream().pipeThrough(slowly), duplex: 'half' });
 *
 * @throws {TypeError} for options that are unknown, missing or of another type
 */
export function throttleStream<Chunk = Uint8Array>(
  options: ThrottleStreamOptions<Chunk>,
): TransformStream<Chunk, Chunk> {
  const isMeter = made('a meter such as tokenBucket({ limit, interval }), or an object', 'reserve');
  const {
    meter,
    costOf = sizeOf,
    clock = systemClock,
  } = checked('throttleStream', options, {
    meter: isMeter,
    costOf: typed('function'),
    clock: objectWith('now', 'schedule'),
  });
  isMeter('throttleStream: meter', meter);

  let input: WritableStreamDefaultController;
  let output: ReadableStreamDefaultController<Chunk>;
  /** Somebody reads, and has not got anything yet. */
  let wanted = false;
  let asked = nothing;
  /** Ends the wait at hand, for a reader or for the meter. */
  let interrupt: (reason: unknown) => void = nothing;
  /** It was aborted or cancelled: perhaps between two waits, as a chunk goes through in parts. */
  let ended: { readonly reason: unknown } | undefined;

  const writable = new WritableStream<Chunk>({
    start(controller) {
      input = controller;
      // Not a sink's `abort`, which is called once the chunk that waits has gone through.
      const { signal } = controller;
      signal.addEventListener('abort', () => {
        output.error(signal.reason);
        end(signal.reason);
      });
    },
    async write(chunk) {
      try {
        await pass(chunk);
      } catch (error) {
        output.error(error);
        throw error;
      }
    },
    close: () => output.close(),
  });
  const readable = new ReadableStream<Chunk>(
    {
      start(controller) {
        output = controller;
      },
      pull() {
        wanted = true;
        asked();
      },
      cancel(reason) {
        input.error(reason);
        end(reason);
      },
    },
    { highWaterMark: 0 },
  );
  // Its own two ends would not do: they tell nobody of an abort or a cancel while a chunk waits.
  return Object.defineProperties(new TransformStream<Chunk, Chunk>(), {
    readable: { value: readable },
    writable: { value: writable },
  });

  function end(reason: unknown): void {
    ended = { reason };
    interrupt(reason);
  }

  async function pass(chunk: Chunk): Promise<void> {
    if (ended !== undefined) throw ended.reason;
    if (!wanted) {
      await wait((go) => {
        asked = go;
        return nothing;
      });
    }
    const now = clock.now();
    const cost = costOf(chunk);
    checkCost(cost);
    const reservation = meter.reserve(now, cost);
    if (reservation === undefined) {
      if (!(chunk instanceof Uint8Array && chunk.length > 1))
        throw new RangeError(`throttleStream: a chunk must cost what the meter can give, got ${cost}`);
      const half = chunk.length >> 1;
      await pass(chunk.subarray(0, half) as Chunk);
      return pass(chunk.subarray(half) as Chunk);
    }
    if (reservation.at > now) {
      await wait((go) => {
        const timer = clock.schedule(reservation.at - now, go);
        return () => {
          timer.cancel();
          reservation.cancel(clock.now());
        };
      });
    }
    wanted = false;
    output.enqueue(chunk);
  }

  async function wait(begin: (go: () => void) => () => void): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const undo = begin(resolve);
      interrupt = (reason) => {
        // First, as a meter may throw.
        reject(reason);
        undo();
      };
    });
    interrupt = nothing;
    if (ended !== undefined) throw ended.reason;
  }
}

function nothing(): void {}

function sizeOf(chunk: unknown): number {
  return chunk instanceof Uint8Array ? chunk.byteLength : 1;
}
