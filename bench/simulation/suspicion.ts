import { type PhiAccrualOptions, phiAccrual } from '../../src/algorithms/phi.ts';
import type { Milliseconds } from '../../src/core/policy.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import type { Requirement } from '../requirement.ts';
import { median, type Scenario } from './scenario.ts';

/** Beats between two changes of a sender's conditions. */
const stretch = 200;
/** How often the watcher looks. */
const pace: Milliseconds = 50;
export const pause: Milliseconds = 5_000;

/** When each beat of a sender comes; it dies after the last. */
export type Sender = readonly Milliseconds[];

/**
 * Senders that beat every 0.2 to 5 s, whose beats come lognormally late, three times as much so in every other stretch of
 * 200 beats. Each dies sometime in the second half of so many.
 */
export function fleet({ seed, senders, beats }: { seed: number; senders: number; beats: number }): Sender[] {
  const random = seededRandom(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: senders }, (_, sender) => {
    const usual = 200 * 25 ** (sender / (senders - 1));
    const length = Math.ceil((beats * (1 + random())) / 2);
    let now = 0;
    return Array.from({ length }, (_, i) => {
      now += usual * Math.exp((Math.floor(i / stretch) % 2 === 0 ? 0.05 : 0.15) * normal());
      return now;
    });
  });
}

/** Who tells the silence of one sender from its end. */
export interface Detector {
  heartbeat(now: Milliseconds): void;
  available(now: Milliseconds): boolean;
}

/** One setting for all of them. */
export const setting: PhiAccrualOptions = { threshold: 12, maxSamples: 100, minDeviation: 20 };

export function fixedTimeout(duration: Milliseconds): Detector {
  let last = Infinity;
  return {
    heartbeat: (now) => {
      last = now;
    },
    available: (now) => now - last <= duration,
  };
}

export interface Watched {
  readonly beats: number;
  /** How often a sender that was alive came to be suspected. */
  readonly wrong: number;
  /** How long after its last beat the sender was, and stayed, suspected. */
  readonly detection: Milliseconds;
}

/**
 * Looks at a sender at a steady pace until it is found dead. From `pausing` on the watcher itself does nothing for 5 s;
 * what came meanwhile it finds after its first look.
 */
export function watch(beats: Sender, detector: Detector, pausing: Milliseconds = Infinity): Watched {
  const end = beats.at(-1) as number;
  let wrong = 0;
  let suspected = false;
  let heard = 0;
  for (let look = 0; ; look++) {
    const due = look * pace;
    const now = due < pausing ? due : due + pause;
    // A beat is handled as it comes, but what came in a pause.
    const handled = due >= pausing && due - pace < pausing ? pausing : now;
    const hear = (until: Milliseconds, at?: Milliseconds): void => {
      for (let beat = beats[heard]; beat !== undefined && beat <= until; beat = beats[++heard]) {
        suspected = false;
        detector.heartbeat(at ?? beat);
      }
    };
    hear(handled);
    const available = detector.available(now);
    if (!available && !suspected) {
      if (heard === beats.length) return { beats: beats.length, wrong, detection: now - end };
      wrong++;
    }
    suspected = !available;
    hear(now, now);
  }
}

export interface Judged {
  readonly beats: number;
  readonly wrong: number;
  /** In the mean over the senders. */
  readonly detection: Milliseconds;
}

export function judge(senders: readonly Sender[], make: () => Detector): Judged {
  const all = senders.map((beats) => watch(beats, make()));
  const sum = (of: (watched: Watched) => number): number => all.reduce((total, each) => total + of(each), 0);
  return {
    beats: sum(({ beats }) => beats),
    wrong: sum(({ wrong }) => wrong),
    detection: sum(({ detection }) => detection) / all.length,
  };
}

/** How many more suspicions there are where the watcher pauses, once with each sender, while that beats steadily. */
export function byPause(senders: readonly Sender[], make: () => Detector): number {
  let more = 0;
  for (const beats of senders) {
    const pausing = (beats[Math.floor(2.75 * stretch)] as number) + pace / 2;
    more += Math.max(0, watch(beats, make(), pausing).wrong - watch(beats, make()).wrong);
  }
  return more;
}

export const suspecting: Scenario = {
  name: 'suspicion',
  title: 'Suspicion against a timeout',
  about: `A hundred senders beat every 0.2 to 5 s, each at its own pace. Their beats come lognormally late, and every 200 beats that
changes to three times as much, or back. Each dies after 600 to 1,200 beats; a watcher looks every 50 ms. Compared are
\`phiAccrual({ threshold: 12, maxSamples: 100, minDeviation: 20 })\` and a fixed timeout that takes as long, in the mean, to
find out. With a pause, the watcher itself does nothing for 5 s, once with each sender.`,
  async run(seeds, progress) {
    const phi = (threshold: number) => () => phiAccrual({ ...setting, threshold });
    const rows = seeds.map((seed) => {
      progress(`seed ${seed}`);
      const senders = fleet({ seed, senders: 100, beats: 1_200 });
      const own = judge(senders, () => phiAccrual(setting));
      const timeout = (): Detector => fixedTimeout(own.detection);
      const pauses = { phi: byPause(senders, () => phiAccrual(setting)), fixed: byPause(senders, timeout) };
      return { own, fixed: judge(senders, timeout), pauses };
    });
    const of = (value: (row: (typeof rows)[number]) => number): number => median(rows.map(value));
    const perThousand = ({ wrong, beats }: Judged): number => (1_000 * wrong) / beats;
    const row = (name: string, judged: (row: (typeof rows)[number]) => Judged, pauses: number): string[] => [
      name,
      `${(of((each) => judged(each).detection) / 1_000).toFixed(2)} s`,
      of((each) => perThousand(judged(each))).toFixed(2),
      String(pauses),
    ];
    const first = fleet({ seed: seeds[0] ?? 1, senders: 100, beats: 1_200 });
    const line = (label: string, makes: readonly (() => Detector)[]) => ({
      label,
      points: makes.map((make, i) => {
        progress(`chart, ${label}, ${i + 1} of ${makes.length}`);
        const judged = judge(first, make);
        return [judged.detection / 1_000, perThousand(judged)] as const;
      }),
    });
    const figures: Requirement[] = [
      {
        what: "false suspicions to the fixed timeout's, at equal mean detection time",
        value: 100 * of(({ own, fixed }) => own.wrong / fixed.wrong),
        unit: '%',
        atMost: 10,
      },
      {
        what: 'suspected because the watcher paused for 5 s, over all seeds',
        value: rows.reduce((sum, { pauses }) => sum + pauses.phi, 0),
        unit: 'senders',
        atMost: 0,
      },
    ];
    return {
      header: ['', 'mean detection time', 'false suspicions in 1,000 beats', 'suspected by a pause, of 100'],
      rows: [
        row(
          'phiAccrual',
          ({ own }) => own,
          of(({ pauses }) => pauses.phi),
        ),
        row(
          'fixed timeout',
          ({ fixed }) => fixed,
          of(({ pauses }) => pauses.fixed),
        ),
      ],
      figures,
      charts: [
        {
          name: 'suspicion',
          title: 'False suspicions in 1,000 beats, by how long it takes to find a sender dead',
          x: 'seconds until found dead, in the mean',
          y: 'false suspicions',
          lines: [
            line('phiAccrual', [0.5, 1, 2, 3, 4, 6, 8, 12, 16, 24, 48, 100, 200, 500].map(phi)),
            line(
              'fixed timeout',
              [1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 4_500, 5_000, 5_500].map((each) => () => fixedTimeout(each)),
            ),
          ],
        },
      ],
    };
  },
};
