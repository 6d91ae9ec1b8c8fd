import { execFile } from 'node:child_process';

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end: its own, and that of all it has started and that write where it does. */
export function run(file: string, ...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { timeout: 60_000 }, (_, out, err) => {
      resolve({ code: child.exitCode ?? -1, out, err });
    });
  });
}
