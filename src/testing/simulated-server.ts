import { type Follower, unfollow } from '../core/abort.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Context, Milliseconds } from '../core/policy.ts';
import { follow } from '../core/scope.ts';
import type { EventClock } from './event-clock.ts';
import type { SimulationEvent } from './simulation.ts';
import type { Tally } from './tally.ts';

/** Hears how a try ends, once. */
export interface Caller {
  answered(now: Milliseconds): void;
  failed(now: Milliseconds, error: unknown): void;
}

/** A server's answer that is none: it is down, or its queue is full. */
class ServerError extends HoldfastError {
  constructor(name: string, why: 'down' | 'full') {
    super(why === 'down' ? 'ERR_SERVER_DOWN' : 'ERR_SERVER_FULL', { name, message: why });
  }

  get 'holdfast:kind'(): string {
    return 'ServerError';
  }
}

export interface ServerOptions {
  readonly name: string;
  readonly workers: number;
  readonly queue: number;
  /** How long the next piece of work takes a worker. */
  readonly takes: () => Milliseconds;
  readonly clock: EventClock;
  readonly tally: Tally;
}

/** Work at a server: in line, or with a worker. In line it hears when its call is stopped. */
class Work implements Follower {
  previous: Follower | undefined = undefined;
  next: Follower | undefined = undefined;
  ahead: Work | undefined = undefined;
  behind: Work | undefined = undefined;
  /** How long it still takes a worker at full speed, from `since` on. */
  left: Milliseconds = 0;
  since: Milliseconds = 0;
  timer: { cancel(): void } | undefined = undefined;
  readonly server: Server;
  readonly caller: Caller;

  constructor(server: Server, caller: Caller) {
    this.server = server;
    this.caller = caller;
  }

  end(reason: unknown): void {
    this.server.abort(this, reason);
  }
}

/** Workers that take what comes from one line, first come, first served. */
export class Server {
  calls = 0;
  /** 1 when up, 0 when it hangs, in between when it is slower, and undefined when down. */
  private speed: number | undefined = 1;
  private readonly running = new Set<Work>();
  private first: Work | undefined = undefined;
  private last: Work | undefined = undefined;
  private waiting = 0;
  /** Time of workers spent up to `counted`. */
  private spent: Milliseconds = 0;
  private counted: Milliseconds = 0;
  private readonly options: ServerOptions;

  constructor(options: ServerOptions) {
    this.options = options;
  }

  /** The share of its workers' time in which they had work. */
  get busy(): number {
    this.count();
    return this.counted === 0 ? 0 : this.spent / this.counted / this.options.workers;
  }

  /** Takes a try. Its context, where there is one, says when it has been given up. */
  accept(caller: Caller, context: Context | undefined): void {
    const { workers, queue, clock, tally } = this.options;
    this.calls++;
    tally.tried(clock.now());
    if (this.speed === undefined) this.refuse(caller, 'down');
    else if (this.running.size < workers) this.start(new Work(this, caller));
    else if (this.waiting < queue) this.join(new Work(this, caller), context);
    else this.refuse(caller, 'full');
  }

  set(state: SimulationEvent['set']): void {
    for (const work of this.running) this.pause(work);
    this.speed = state === 'down' ? undefined : state === 'hang' ? 0 : state === 'up' ? 1 : 1 / state.slower;
    if (this.speed === undefined) this.crash();
    else for (const work of this.running) this.resume(work);
  }

  /** Work in line has been given up. */
  abort(work: Work, reason: unknown): void {
    this.leave(work);
    work.caller.failed(this.options.clock.now(), reason);
  }

  private leave(work: Work): void {
    const { ahead, behind } = work;
    if (ahead === undefined) this.first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.last = ahead;
    else behind.ahead = ahead;
    this.waiting--;
    unfollow(work);
  }

  private join(work: Work, context: Context | undefined): void {
    work.ahead = this.last;
    if (this.last === undefined) this.first = work;
    else this.last.behind = work;
    this.last = work;
    this.waiting++;
    if (context !== undefined) follow(context, work);
  }

  private start(work: Work): void {
    work.left = this.options.takes();
    this.count();
    this.running.add(work);
    this.resume(work);
  }

  private resume(work: Work): void {
    const { clock } = this.options;
    const speed = this.speed as number;
    work.since = clock.now();
    if (speed > 0) work.timer = clock.plan(work.left / speed, () => this.finish(work));
  }

  private pause(work: Work): void {
    work.timer?.cancel();
    work.timer = undefined;
    work.left = Math.max(0, work.left - (this.options.clock.now() - work.since) * (this.speed as number));
  }

  private finish(work: Work): void {
    this.count();
    this.running.delete(work);
    const next = this.first;
    if (next !== undefined) {
      this.leave(next);
      this.start(next);
    }
    work.caller.answered(this.options.clock.now());
  }

  /** All it has is lost. */
  private crash(): void {
    this.count();
    const lost = [...this.running];
    this.running.clear();
    for (let work = this.first; work !== undefined; work = this.first) {
      this.leave(work);
      lost.push(work);
    }
    for (const { caller } of lost) this.refuse(caller, 'down');
  }

  private refuse(caller: Caller, why: 'down' | 'full'): void {
    const { name, clock } = this.options;
    caller.failed(clock.now(), new ServerError(name, why));
  }

  private count(): void {
    const now = this.options.clock.now();
    this.spent += this.running.size * (now - this.counted);
    this.counted = now;
  }
}
