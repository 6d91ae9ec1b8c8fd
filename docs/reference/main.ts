import type { WriteStream } from 'node:tty';
import type { Milliseconds } from '../../src/core/policy.ts';
import { claimsOf, rushClaimsOf } from './claims.ts';
import { bareClient, pipelineClient } from './clients.ts';
import { type Options, runCommand } from './command.ts';
import { type Figures, figuresOf, type Transition } from './figures.ts';
import { makePlan, type Plan } from './plan.ts';
import { progressLine, rushLine, startProgress } from './progress.ts';
import { conclusion, report, story } from './report.ts';
import { startRush } from './rush.ts';
import { type RushFigures, rushFiguresOf } from './rush-figures.ts';
import { type RushPlan, rushPlan } from './rush-plan.ts';
import { rushReport, rushStory } from './rush-report.ts';
import { type Call, sendTraffic, warmUp } from './traffic.ts';
import { startUpstream } from './upstream.ts';

const help = `Sends the same calls to a misbehaving HTTP server on loopback, bare and through
a holdfast pipeline. Then, for four seconds, asks servers for more than they can
do, or allow, with and without shed and rateLimit.

npm start -- [options]
  --seed N      another schedule of misfortunes; default 1
  --seconds N   for how long the misbehaving server is called, 8 to 60;
                default 13
  --json        print the figures as JSON, and progress to stderr; with npm's
                --silent nothing else is printed
  --help        print this

Exit code 0 when the run showed what it is there to show, 1 when it did not, 2
for options it does not know.
`;

/** The first act, once. What it did comes out as events; what it came to, as figures. */
async function callMisbehaving(plan: Plan, progressTo: WriteStream): Promise<Figures> {
  const calls: Call[] = [];
  const breaker: Transition[] = [];
  let start = performance.now();
  const elapsed = (): Milliseconds => performance.now() - start;

  progressTo.write(story(plan, progressTo));
  const upstream = await startUpstream(plan, elapsed);
  const clients = {
    bare: bareClient(upstream.origin),
    pipeline: pipelineClient(upstream.origin, ({ type }) => {
      if (type === 'open' || type === 'half-open' || type === 'closed') breaker.push({ at: elapsed(), to: type });
    }),
  };
  await warmUp(clients);
  start = performance.now();
  const progress = startProgress(progressTo, () =>
    progressLine(plan, elapsed(), calls, breaker.at(-1)?.to ?? 'closed'),
  );
  try {
    await sendTraffic(plan, clients, elapsed, (call) => calls.push(call));
  } finally {
    progress.stop();
    await upstream.close();
  }
  return figuresOf(plan, { calls, arrivals: upstream.arrivals, breaker });
}

/** The second. */
async function rush(plan: RushPlan, progressTo: WriteStream): Promise<RushFigures> {
  progressTo.write(rushStory(plan, progressTo));
  const { happenings, elapsed, ended } = await startRush(plan);
  const progress = startProgress(progressTo, () => rushLine(elapsed(), happenings));
  try {
    await ended;
  } finally {
    progress.stop();
  }
  return rushFiguresOf(plan, happenings);
}

async function main({ seed, duration, json }: Options): Promise<boolean> {
  const { stdout } = process;
  const progressTo = json ? process.stderr : stdout;
  const figures = await callMisbehaving(makePlan(seed, duration), progressTo);
  const rushFigures = await rush(rushPlan, progressTo);
  const claims = [...claimsOf(figures), ...rushClaimsOf(rushFigures)];
  if (json) stdout.write(`${JSON.stringify({ ...figures, rush: rushFigures, claims }, null, 2)}\n`);
  else stdout.write(report(figures, stdout) + rushReport(rushFigures, stdout) + conclusion(claims, stdout));
  return claims.every(({ shown }) => shown);
}

process.exitCode = await runCommand(main, { help, seconds: { least: 8, most: 60, standard: 13 } });
