import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { leakyBucket } from '../../src/algorithms/leaky-bucket.ts';
import type { Meter } from '../../src/algorithms/meter.ts';
import { tokenBucket } from '../../src/algorithms/token-bucket.ts';
import { throttleStream } from '../../src/policies/throttle-stream.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

function bytes(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => first + i);
}

/** A stream of these chunks that counts how many were asked for, and keeps why it was cancelled. */
function sourceOf<T>(chunks: readonly T[]) {
  const seen = { pulled: 0, cancelled: undefined as unknown };
  const stream = new ReadableStream<T>(
    {
      pull(controller) {
        const chunk = chunks[seen.pulled++];
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel(reason) {
        seen.cancelled = reason;
      },
    },
    { highWaterMark: 0 },
  );
  return Object.assign(seen, { stream });
}

/** Reads all of it, and notes when each chunk came. */
async function collect<T>(stream: ReadableStream<T>, clock: ManualClock): Promise<[number, T][]> {
  const got: [number, T][] = [];
  for await (const chunk of stream as unknown as AsyncIterable<T>) got.push([clock.now(), chunk]);
  return got;
}

/** One call a second. */
function slow(): { clock: ManualClock; meter: Meter } {
  return { clock: new ManualClock(), meter: leakyBucket({ limit: 1, interval: 1_000 }) };
}

test('passes bytes as fast as the meter allows, all of them and in order [88]', async () => {
  const clock = new ManualClock();
  const meter = tokenBucket({ limit: 100, interval: 1_000 });
  const chunks = [bytes(60), bytes(60, 60), bytes(80, 120)];
  const got = collect(sourceOf(chunks).stream.pipeThrough(throttleStream({ meter, clock })), clock);
  await clock.advance(10_000);
  assert.deepEqual(await got, [
    [0, chunks[0]],
    [200, chunks[1]],
    [1_000, chunks[2]],
  ]);
  assert.equal(clock.pending, 0);
});

test('passes items one by one, or by what they cost', async () => {
  const { clock, meter } = slow();
  const words = ['a', 'bb', 'ccc'];
  const one = collect(sourceOf(words).stream.pipeThrough(throttleStream<string>({ meter, clock })), clock);
  await clock.advance(10_000);
  assert.deepEqual(await one, [
    [0, 'a'],
    [1_000, 'bb'],
    [2_000, 'ccc'],
  ]);
  const long = throttleStream({
    meter: tokenBucket({ limit: 3, interval: 1_000 }),
    clock,
    costOf: (word: string) => word.length,
  });
  const got = collect(sourceOf(words).stream.pipeThrough(long), clock);
  await clock.advance(10_000);
  assert.deepEqual(
    (await got).map(([at]) => at - 10_000),
    [0, 0, 1_000],
  );
});

test('splits bytes that cost more than the meter can ever give, without copying them [91]', async () => {
  const clock = new ManualClock();
  const meter = tokenBucket({ limit: 10, interval: 1_000 });
  const chunk = bytes(35);
  const got = collect(sourceOf([chunk]).stream.pipeThrough(throttleStream({ meter, clock })), clock);
  await clock.advance(10_000);
  const parts = await got;
  assert.deepEqual(
    parts.map(([at, part]) => [at, part.length]),
    [
      [0, 8],
      [700, 9],
      [1_600, 9],
      [2_500, 9],
    ],
  );
  assert.deepEqual(Uint8Array.from(parts.flatMap(([, part]) => [...part])), chunk);
  for (const [, part] of parts) assert.equal(part.buffer, chunk.buffer);
});

describe.for([
  ['costs more than the meter can ever give', { a: 11 }, /must cost what the meter can give, got 11/],
  ['costs less than nothing', { a: -1 }, /cost must be a number/],
  ['costs what is no number', { a: NaN }, /cost must be a number/],
] as const)('an item that %s', ([, item, message]) => {
  test('ends both ends with a RangeError [91]', async () => {
    const clock = new ManualClock();
    const meter = tokenBucket({ limit: 10, interval: 1_000 });
    const source = sourceOf<{ a: number }>([{ a: 1 }, item, { a: 1 }]);
    const stream = source.stream.pipeThrough(throttleStream({ meter, clock, costOf: ({ a }: { a: number }) => a }));
    const reader = stream.getReader();
    assert.deepEqual((await reader.read()).value, { a: 1 });
    await assert.rejects(reader.read(), { name: 'RangeError', message });
    await clock.advance(0);
    assert.match(String(source.cancelled), message);
    assert.equal(meter.available(0), 9);
  });
});

test('a costOf that throws ends the stream with what it throws', async () => {
  const { clock, meter } = slow();
  const thrown = new Error('no idea');
  const stream = sourceOf([1]).stream.pipeThrough(
    throttleStream<number>({
      meter,
      clock,
      costOf() {
        throw thrown;
      },
    }),
  );
  await assert.rejects(stream.getReader().read(), (error) => error === thrown);
});

test('a costOf that gives no number, or nothing, ends the stream with a TypeError [91]', async () => {
  for (const cost of ['1', undefined, null]) {
    const { clock, meter } = slow();
    const throttled = throttleStream<number>({ meter, clock, costOf: () => cost as never });
    const reader = sourceOf([1]).stream.pipeThrough(throttled).getReader();
    await assert.rejects(reader.read(), { name: 'TypeError', message: /cost must be a number/ });
    assert.equal(meter.retryAfter(0), 0);
  }
});

test('a single byte that costs too much is a RangeError, it cannot be split [91]', async () => {
  const { clock, meter } = slow();
  const stream = sourceOf([bytes(4)]).stream.pipeThrough(throttleStream({ meter, clock, costOf: () => 2 }));
  await assert.rejects(stream.getReader().read(), { name: 'RangeError' });
});

test('asks for no chunk before somebody reads, holds no more than one, and charges for none that nobody wants', async () => {
  const { clock, meter } = slow();
  const source = sourceOf([1, 2, 3, 4, 5]);
  const stream = source.stream.pipeThrough(throttleStream<number>({ meter, clock }));
  await clock.advance(10_000);
  assert.equal(source.pulled, 1);
  assert.equal(meter.available(10_000), 1);
  const reader = stream.getReader();
  assert.equal((await reader.read()).value, 1);
  await clock.advance(10_000);
  assert.equal(source.pulled, 2);
  assert.equal(meter.available(20_000), 1);
});

test('several reads at once are still served no faster than the meter allows', async () => {
  const { clock, meter } = slow();
  const reader = sourceOf([1, 2, 3]).stream.pipeThrough(throttleStream<number>({ meter, clock })).getReader();
  const came: number[] = [];
  for (let i = 0; i < 3; i++) void reader.read().then(() => came.push(clock.now()));
  await clock.advance(500);
  const late = reader.read();
  await clock.advance(5_000);
  assert.deepEqual(came, [0, 1_000, 2_000]);
  assert.equal((await late).done, true);
});

/** A stream whose second chunk waits. */
async function waiting({ broken = false } = {}) {
  const clock = new ManualClock();
  const meter = tokenBucket({ limit: 10, interval: 1_000 });
  if (broken) {
    const { reserve } = meter;
    meter.reserve = (...asked) => {
      const reservation = reserve.apply(meter, asked);
      const cancel = (): never => {
        throw new Error('broken');
      };
      return reservation && { ...reservation, cancel };
    };
  }
  const throttled = throttleStream<number>({ meter, clock, costOf: () => 10 });
  const reader = throttled.readable.getReader();
  const writer = throttled.writable.getWriter();
  void writer.write(1);
  await reader.read();
  const write = writer.write(2).then(String, String);
  const read = reader.read().then(({ done }) => (done ? 'done' : 'chunk'), String);
  await clock.advance(500);
  assert.equal(clock.pending, 1);
  assert.equal(meter.available(clock.now()), -5);
  return { clock, meter, reader, writer, write, read };
}

test('a writer who aborts while a chunk waits ends the stream at once, leaves no timer, and gets its cost back [87]', async () => {
  const { clock, meter, writer, write, read } = await waiting();
  await writer.abort(new Error('enough'));
  assert.deepEqual([await write, await read], ['Error: enough', 'Error: enough']);
  assert.equal(clock.pending, 0);
  assert.equal(meter.available(clock.now()), 5);
});

test('a reader who cancels while a chunk waits ends the stream at once, leaves no timer, and gets its cost back [87]', async () => {
  const { clock, meter, reader, writer, write, read } = await waiting();
  await reader.cancel(new Error('enough'));
  assert.deepEqual([await write, await read], ['Error: enough', 'done']);
  await assert.rejects(writer.closed, { message: 'enough' });
  assert.equal(clock.pending, 0);
  assert.equal(meter.available(clock.now()), 5);
});

test('ended while a chunk is between two of its parts, it keeps nobody waiting, and charges for nothing more [87]', async () => {
  for (const how of ['cancel', 'abort'] as const) {
    // In whichever microtask after the first part has come.
    for (let turns = 0; turns < 8; turns++) {
      const clock = new ManualClock();
      const meter = tokenBucket({ limit: 4, interval: 1_000 });
      const { readable, writable } = throttleStream({ meter, clock });
      const [reader, writer] = [readable.getReader(), writable.getWriter()];
      writer.closed.catch(() => {});
      const ends: Promise<unknown>[] = [];
      let passed = 0;
      const first = reader.read().then(({ value }) => {
        passed = value?.length ?? 0;
      });
      ends.push(writer.write(bytes(6)));
      for (let i = 0; i < turns; i++) await undefined;
      ends.push(how === 'cancel' ? reader.cancel('over') : writer.abort('over'));
      ends.push(writer.write(bytes(1)), first);
      const settled = Promise.allSettled(ends);
      await clock.advance(0);
      assert.deepEqual((await settled)[0], { status: 'rejected', reason: 'over' }, `${how} after ${turns}`);
      assert.deepEqual([meter.available(clock.now()), clock.pending], [4 - passed, 0]);
    }
  }
});

test('a meter that throws when a reservation is cancelled keeps nobody waiting', async () => {
  const { clock, meter, reader, writer, write, read } = await waiting({ broken: true });
  await assert.rejects(reader.cancel(new Error('enough')), { message: 'broken' });
  assert.deepEqual([await write, await read], ['Error: enough', 'done']);
  await assert.rejects(writer.closed, { message: 'enough' });
  assert.equal(clock.pending, 0);
  assert.equal(meter.available(clock.now()), -5);
});

/** A pipe through a throttled stream, of two items of which the second waits. */
async function piping() {
  const { clock, meter } = slow();
  const seen = { came: [] as number[], cancelled: undefined as unknown };
  let source!: ReadableStreamDefaultController<number>;
  const from = new ReadableStream<number>({
    start(controller) {
      source = controller;
      controller.enqueue(1);
      controller.enqueue(2);
    },
    cancel(reason) {
      seen.cancelled = reason;
    },
  });
  const aborter = new AbortController();
  const into = new WritableStream<number>({ write: (item) => void seen.came.push(item) });
  const end = from
    .pipeThrough(throttleStream<number>({ meter, clock }))
    .pipeTo(into, { signal: aborter.signal })
    .then(String, String);
  await clock.advance(500);
  assert.equal(clock.pending, 1);
  assert.deepEqual(seen.came, [1]);
  return Object.assign(seen, { clock, meter, source, aborter, end });
}

test('a pipe that is aborted ends at once, back to its source [87]', async () => {
  const pipe = await piping();
  pipe.aborter.abort(new Error('over'));
  assert.equal(await pipe.end, 'Error: over');
  await pipe.clock.advance(0);
  assert.equal(String(pipe.cancelled), 'Error: over');
  assert.equal(pipe.clock.pending, 0);
  assert.equal(pipe.meter.retryAfter(500), 500);
  assert.deepEqual(pipe.came, [1]);
});

test('where the source of a pipe fails, what it gave before still comes, and then the failure', async () => {
  const pipe = await piping();
  pipe.source.error(new Error('over'));
  await pipe.clock.advance(10_000);
  assert.equal(await pipe.end, 'Error: over');
  assert.deepEqual(pipe.came, [1, 2]);
  assert.equal(pipe.clock.pending, 0);
});

test('what has been passed on is not given back by an abort in the same instant [87]', async () => {
  const { clock, meter, writer, write, read } = await waiting();
  await clock.advance(500);
  assert.deepEqual([await write, await read], ['undefined', 'chunk']);
  await writer.abort();
  assert.equal(meter.available(clock.now()), 0);
});

test('streams that share a meter share what it admits, chunk by chunk', async () => {
  const { clock, meter } = slow();
  const came: string[] = [];
  for (const name of ['a', 'b']) {
    const stream = sourceOf([1, 2, 3]).stream.pipeThrough(throttleStream<number>({ meter, clock }));
    void stream.pipeTo(new WritableStream({ write: (item) => void came.push(`${name}${item} at ${clock.now()}`) }));
  }
  await clock.advance(20_000);
  assert.deepEqual(came, ['a1 at 0', 'b1 at 1000', 'a2 at 2000', 'b2 at 3000', 'a3 at 4000', 'b3 at 5000']);
});

test('is a TransformStream, makes no timer before a chunk has to wait, and closes with its source [103]', async () => {
  const { clock, meter } = slow();
  const throttled = throttleStream({ meter, clock });
  assert.ok(throttled instanceof TransformStream);
  const reader = throttled.readable.getReader();
  const writer = throttled.writable.getWriter();
  const read = reader.read();
  await writer.write(bytes(1));
  await writer.close();
  assert.deepEqual((await read).value, bytes(1));
  assert.equal((await reader.read()).done, true);
  assert.equal(clock.pending, 0);
});

test('refuses options that are none [7]', () => {
  assert.throws(() => throttleStream({} as never), {
    name: 'TypeError',
    message: /^throttleStream: meter must be a meter such as tokenBucket\(.*, or an object with reserve/,
  });
  const { meter } = slow();
  assert.throws(() => throttleStream({ meter, costOf: 1 as never }), { name: 'TypeError' });
  assert.throws(() => throttleStream({ meter, cost: 1 } as never), {
    name: 'TypeError',
    message: /did you mean "costOf"/,
  });
});
