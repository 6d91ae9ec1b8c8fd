import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Milliseconds } from '../../../src/core/policy.ts';
import { type Illness, slowness } from './plan.ts';
import type { Condition } from './upstream.ts';

/** A server as its callers know it. */
export interface Server {
  readonly name: string;
  readonly zone: string;
  /** Without a path. */
  readonly url: string;
}

interface Process {
  readonly server: Server;
  readonly child: ChildProcess;
  readonly distance: Milliseconds;
}

const program = fileURLToPath(new URL('upstream.js', import.meta.url));

/** Servers as processes of their own, all of which end with this one, however it ends. */
export class Fleet {
  readonly #processes = new Map<string, Process>();
  readonly #names = new Map<string, string>();
  readonly #end = (): void => this.end();

  constructor() {
    process.once('exit', this.#end);
  }

  get servers(): Server[] {
    return [...this.#processes.values()].map(({ server }) => server);
  }

  /** Of each server, which process it is. */
  get ids(): string {
    return [...this.#processes.values()].map(({ server, child }) => `${server.name} is ${child.pid}`).join(', ');
  }

  /** Whose origin it is, or was. */
  nameOf(origin: string): string {
    return this.#names.get(origin) ?? origin;
  }

  /** Resolves once it takes calls. */
  async start(name: string, zone: string, distance: Milliseconds, port = 0): Promise<Server> {
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
    const child = fork(program, [String(port), String(distance)], { execArgv: [], stdio: [...stdio] });
    const early = once(child, 'exit').then(() => {
      throw new Error(`${name} did not start`);
    });
    // From the start on, so that it ends with the rest if it never gets ready.
    this.#processes.set(name, { server: { name, zone, url: '' }, child, distance });
    const [url] = (await Promise.race([once(child, 'message'), early])) as [string];
    const server = { name, zone, url };
    this.#names.set(url, name);
    this.#processes.set(name, { server, child, distance });
    return server;
  }

  strike(name: string, illness: Illness): void {
    if (illness === 'killed') this.#of(name).child.kill('SIGKILL');
    else if (illness === 'hung') this.#of(name).child.kill('SIGSTOP');
    else this.#tell(name, { slower: illness === 'slow' ? slowness : 0, failing: illness === 'failing' });
  }

  /** Resolves once it takes calls again, where it was. */
  async cure(name: string, illness: Illness): Promise<void> {
    const { server, child, distance } = this.#of(name);
    if (illness === 'killed') await this.start(name, server.zone, distance, Number(new URL(server.url).port));
    else if (illness === 'hung') child.kill('SIGCONT');
    else this.#tell(name, { slower: 0, failing: false });
  }

  /** Ends a process as who replaces it by another does. */
  async retire(name: string): Promise<void> {
    const { child } = this.#of(name);
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
    this.#processes.delete(name);
  }

  /** A process that is stopped takes no notice of anything milder. */
  end(): void {
    process.off('exit', this.#end);
    for (const { child } of this.#processes.values()) child.kill('SIGKILL');
  }

  #tell(name: string, condition: Condition): void {
    this.#of(name).child.send(condition);
  }

  #of(name: string): Process {
    const found = this.#processes.get(name);
    if (found === undefined) throw new RangeError(`there is no server ${name}`);
    return found;
  }
}
