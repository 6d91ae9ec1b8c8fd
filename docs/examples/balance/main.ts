import type { Milliseconds } from '../../../src/core/policy.ts';
import { type Options, runCommand } from '../../reference/command.ts';
import { startProgress } from '../../reference/progress.ts';
import { conclusion } from '../../reference/report.ts';
import { type Call, sendTraffic, warmUp } from '../../reference/traffic.ts';
import { claimsOf } from './claims.ts';
import { byHand, type ClientName, type Try, telling, throughHoldfast } from './clients.ts';
import { runCourse, type Trouble } from './course.ts';
import { type Figures, figuresOf } from './figures.ts';
import { Fleet } from './fleet.ts';
import { makePlan, type Plan } from './plan.ts';
import { progressLine } from './progress.ts';
import { report, story } from './report.ts';

const help = `Sends the same calls to six HTTP servers on loopback, through a list kept by
hand and through holdfast, while the servers get slow, are killed, stopped and
replaced, and a whole region of them fails. Needs Linux or macOS: it sends
signals.

npm run example:balance -- [options]
  --seed N      another schedule of troubles; default 1
  --seconds N   how long all that takes, 10 to 30; default 20
  --json        print the figures as JSON, and progress to stderr; with npm's
                --silent nothing else is printed
  --help        print this

Exit code 0 when the run showed what it is there to show, 1 when it did not, 2
for options it does not know.
`;

/** The run itself. Whatever becomes of it, no server outlives it. */
async function run(plan: Plan, progressTo: NodeJS.WriteStream): Promise<Figures> {
  const calls: Call<ClientName>[] = [];
  const tries: Try[] = [];
  const troubles: Trouble[] = [];
  let start = performance.now();
  const elapsed = (): Milliseconds => performance.now() - start;
  const path = (call: number): string => `/call/${call}?work=${plan.work(call)}`;
  const fleet = new Fleet();
  const get = (client: ClientName) =>
    telling(
      client,
      (origin) => fleet.nameOf(origin),
      elapsed,
      (made) => tries.push(made),
    );
  try {
    await Promise.all(
      plan.regions.flatMap(({ name, distance, servers }) => servers.map((each) => fleet.start(each, name, distance))),
    );
    progressTo.write(story(plan, fleet.ids, progressTo));
    using holdfast = throughHoldfast(fleet.servers, plan.regions[0]?.name ?? '', get('holdfast'), path);
    const clients = { byHand: byHand(fleet.servers, get('byHand'), path), holdfast };
    const callers = { byHand: clients.byHand.call, holdfast: holdfast.call };
    await warmUp(callers);
    tries.length = 0;
    start = performance.now();
    const progress = startProgress(progressTo, () => progressLine(plan, elapsed(), calls, holdfast.endpoints));
    try {
      await Promise.all([
        sendTraffic(plan, callers, elapsed, (call) => calls.push(call)),
        runCourse(plan, fleet, clients, elapsed, (trouble) => troubles.push(trouble)),
      ]);
    } finally {
      progress.stop();
    }
  } finally {
    fleet.end();
  }
  return figuresOf(plan, { calls, tries, troubles });
}

async function main({ seed, duration, json }: Options): Promise<boolean> {
  const { stdout, stderr } = process;
  const figures = await run(makePlan(seed, duration), json ? stderr : stdout);
  const claims = claimsOf(figures);
  if (json) stdout.write(`${JSON.stringify({ ...figures, claims }, null, 2)}\n`);
  else stdout.write(report(figures, stdout) + conclusion(claims, stdout));
  return claims.every(({ shown }) => shown);
}

// Exiting ends the servers; dying of a signal would not.
for (const [signal, code] of Object.entries({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 })) {
  process.once(signal, () => process.exit(code));
}
process.exitCode = await runCommand(main, { help, seconds: { least: 10, most: 30, standard: 20 } });
