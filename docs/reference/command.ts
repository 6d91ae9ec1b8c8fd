import { parseArgs } from 'node:util';
import type { Milliseconds } from '../../src/core/policy.ts';

/** What a run is asked for. */
export interface Options {
  readonly seed: number;
  readonly duration: Milliseconds;
  readonly json: boolean;
}

interface Manual {
  readonly help: string;
  /** What `--seconds` may be. */
  readonly seconds: { readonly least: number; readonly most: number; readonly standard: number };
}

/** Runs as the arguments of the process say, and gives its exit code: 0 where `run` has shown what it is there to show. */
export async function runCommand(run: (options: Options) => Promise<boolean>, manual: Manual): Promise<number> {
  // Who was reading has left, as `head` does: what ends other programs of a pipe is SIGPIPE, which Node takes no notice of.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(141));
  let options: Options | 'help';
  try {
    options = parse(process.argv.slice(2), manual.seconds);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${manual.help}`);
    return 2;
  }
  if (options === 'help') {
    process.stdout.write(manual.help);
    return 0;
  }
  return (await run(options)) ? 0 : 1;
}

function parse(args: string[], { least, most, standard }: Manual['seconds']): Options | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string', default: '1' },
      seconds: { type: 'string', default: String(standard) },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const seed = Number(values.seed);
  if (values.seed === '' || !Number.isSafeInteger(seed))
    throw new RangeError(`--seed must be a whole number, got '${values.seed}'`);
  const seconds = Number(values.seconds);
  if (!(seconds >= least && seconds <= most))
    throw new RangeError(`--seconds must be a number from ${least} to ${most}, got '${values.seconds}'`);
  return values.help ? 'help' : { seed, duration: seconds * 1_000, json: values.json };
}
