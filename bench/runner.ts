/**
 * Why not tinybench: it times single calls (its clock costs more than what is measured here) and one case after the
 * other (a machine that changes its pace changes the ratio). Here every round runs a batch of each case, a millisecond
 * long, and a case's figure is the lower decile of its batches: what disturbs it only ever adds.
 */
export interface Case {
  readonly name: string;
  call(): unknown;
  /** Calls made at once by one `call`; the figure is for one of them. Default 1. */
  readonly each?: number;
  /** The call rejects, and is caught. */
  readonly rejects?: boolean;
  /** The yardstick it is held against; a bare await unless another is named. */
  readonly per?: string;
  /** The highest ratio to the yardstick that passes. */
  readonly required?: number;
  readonly stretch?: number;
}

/** In milliseconds. */
const batch = 1;
const warmUps = [20, 40];
/** One and the same loop, compiled twice, may differ by a fifth: how it was compiled is chance, and evened out. */
const loops = 6;

type Loop = (count: number) => Promise<void>;

/** A loop that nobody else uses: V8 keeps what it learns by source, and a shared loop could inline no call at all. */
function loopOf({ name, call, rejects = false }: Case, turn: number): Loop {
  const body = rejects ? 'try { await call(); } catch {}' : 'await call();';
  const source = `return async (count) => { for (let i = 0; i < count; i++) ${body} } // ${name}, ${turn}`;
  return new Function('call', source)(call) as Loop;
}

/** The time of one call of each case, in nanoseconds, by name. */
export async function measure(cases: readonly Case[], rounds: number): Promise<Map<string, number>> {
  // A crowd leaves a heap behind that slows whatever comes next, so crowds have rounds of their own.
  const single = await interleaved(
    cases.filter(({ each }) => each === undefined),
    rounds,
  );
  const crowded = await interleaved(
    cases.filter(({ each }) => each !== undefined),
    rounds,
  );
  return new Map([...single, ...crowded]);
}

async function interleaved(cases: readonly Case[], rounds: number): Promise<[string, number][]> {
  const samples = new Map(cases.map(({ name }) => [name, [] as number[]]));
  const turns = Array.from({ length: loops }, (_, turn) =>
    cases.map((one) => ({ one, loop: loopOf(one, turn), count: 1 })),
  );
  // Twice, as the first sees the code of all cases while it still knows only some of them.
  for (const until of warmUps) {
    for (const run of turns.flat()) {
      const start = performance.now();
      let rate = 0;
      for (let count = 1; performance.now() - start < until; count *= 2) rate = count / (await timed(run.loop, count));
      run.count = Math.max(1, Math.ceil(rate * batch));
    }
  }
  for (let round = 0; round < rounds; round++) {
    // In another order each time: what one leaves to the garbage collector slows the next.
    const runs = turns[round % loops] as (typeof turns)[number];
    const order = runs.map((run) => ({ ...run, key: Math.random() })).sort((a, b) => a.key - b.key);
    for (const { one, loop, count } of order) {
      samples.get(one.name)?.push((await timed(loop, count)) / count / (one.each ?? 1));
    }
  }
  return [...samples].map(([name, times]) => [name, lowerDecile(times) * 1e6]);
}

async function timed(loop: Loop, count: number): Promise<number> {
  // Timers and immediates of the case before have their turn outside the measured time.
  await new Promise((resolve) => setImmediate(resolve));
  const start = performance.now();
  await loop(count);
  return performance.now() - start;
}

export function lowerDecile(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[Math.floor(samples.length / 10)] as number;
}
