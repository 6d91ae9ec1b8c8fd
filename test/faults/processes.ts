import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject, onTestFinished } from 'vitest';

/** What a server is told, at its start and later. */
export interface Orders {
  name: string;
  /** How long it takes for an answer, in milliseconds. */
  slow: number;
  /** How long it goes on once it is told to end. */
  settle: number;
  /** How often it says that it is alive; 0: never. */
  beat: number;
  /** Where it keeps what is written, with which fence, and who is to hear of it. */
  storage: string;
  fence: string;
  copies: string[];
  /** It does not take over what it hears. */
  lags: boolean;
}

export interface Report {
  calls: number;
  answered: number;
  writes: string[];
  position: number;
  refused: number;
}

/** What a server says. */
export type Message = { port: number } | { report: Report } | { beat: true };

/** A server in a process of its own. As a target it is one and the same, also when another process takes its place. */
export class ServerProcess {
  readonly name: string;
  url = '';
  /** Told of each heartbeat. */
  onBeat: () => void = () => {};
  private readonly orders: Orders;
  private child: ChildProcess | undefined;

  private constructor(name: string, orders: Partial<Orders>) {
    this.name = name;
    const none = { slow: 0, settle: 0, beat: 0, storage: '', fence: '0', copies: [], lags: false };
    this.orders = { name, ...none, ...orders };
  }

  /** One that is yet to be started. Its process is gone when the test is over, however that ends. */
  static of(name: string, orders: Partial<Orders> = {}): ServerProcess {
    const server = new ServerProcess(name, orders);
    onTestFinished(() => server.kill());
    return server;
  }

  static async start(name: string, orders: Partial<Orders> = {}): Promise<ServerProcess> {
    const server = ServerProcess.of(name, orders);
    await server.restart();
    return server;
  }

  static startAll(names: string, orders: Partial<Orders> = {}): Promise<ServerProcess[]> {
    return Promise.all([...names].map((name) => ServerProcess.start(name, orders)));
  }

  /** Starts a process, at a port of its own. */
  async restart(): Promise<void> {
    const child = fork(join(inject('scripts'), 'server.mjs'), [JSON.stringify(this.orders)], { execArgv: [] });
    this.child = child;
    child.on('message', (message: Message) => {
      if ('beat' in message && child === this.child) this.onBeat();
    });
    const { port } = await this.said('port');
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Tells it something; it answers what it has done so far. */
  async tell(orders: Partial<Orders> = {}): Promise<Report> {
    Object.assign(this.orders, orders);
    this.child?.send(orders);
    return (await this.said('report')).report;
  }

  /** Ends it at once, also when it is stopped; resolves once it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.gone();
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
    this.child?.kill(signal);
  }

  /** Its exit code, or the signal that ended it. */
  async gone(): Promise<number | string> {
    const { child } = this;
    if (child?.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child?.exitCode ?? String(child?.signalCode);
  }

  private said<Kind extends 'port' | 'report'>(kind: Kind): Promise<Extract<Message, Record<Kind, unknown>>> {
    const { child, name } = this;
    return new Promise((resolve, reject) => {
      const hear = (message: Message): void => {
        if (!(kind in message)) return;
        child?.off('message', hear).off('exit', fail);
        resolve(message as Extract<Message, Record<Kind, unknown>>);
      };
      const fail = (): void => reject(new Error(`the process of ${name} has ended`));
      child?.on('message', hear).once('exit', fail);
    });
  }
}

/** Lets time pass until something has become true. A test that waits in vain ends by its own time limit. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(5);
}

/** Callers who call again and again, until they are told to end, or the test is over. */
export function load(callers: number, call: () => Promise<unknown>) {
  const failures: unknown[] = [];
  let calls = 0;
  let on = true;
  const loops = Array.from({ length: callers }, async () => {
    while (on) {
      await call().catch((error) => failures.push(error));
      calls++;
      await sleep(10);
    }
  });
  const end = async (): Promise<void> => {
    on = false;
    await Promise.all(loops);
  };
  onTestFinished(end);
  return {
    /** What calls have failed with. */
    failures,
    /** Waits for so many calls to end from now on. */
    more: (count: number): Promise<void> => {
      const goal = calls + count;
      return until(() => calls >= goal);
    },
    /** Resolves once the last calls have ended. */
    end,
  };
}

/** Asks for something, and says who has answered. */
export async function ask({ url }: { url: string }, { signal }: { signal: AbortSignal }): Promise<string> {
  const response = await fetch(`${url}/work`, { signal });
  const text = await response.text();
  if (!response.ok) throw new Error(`status ${response.status}`);
  return text;
}

/** For a health check. */
export async function isReady({ url }: { url: string }, { signal }: { signal: AbortSignal }): Promise<boolean> {
  const response = await fetch(`${url}/health`, { signal });
  await response.text();
  return response.ok;
}
