import { type Clock, systemClock } from '../core/clock.ts';
import { reportError } from '../core/events.ts';
import { checked, objectWith, positive, typed } from '../core/options.ts';
import type { Milliseconds } from '../core/policy.ts';

export interface HeartbeatOptions {
  /** From one heartbeat to the next. Above 0. */
  interval: Milliseconds;
  /** Sends one. What it throws, or rejects with, goes to `onListenerError`, and the next is sent all the same. */
  send: () => unknown;
  clock?: Clock | undefined;
}

/**
 * Sends a heartbeat at once and then every `interval`, for a monitor such as `phiAccrual` elsewhere. While one is still
 * being sent, no other is: a monitor should hear of it.
 *
 * Nothing is sent before `start()`, and nothing any more after it is disposed of, whatever is started then; until then its
 * timer holds the process.
 *
 * @example
 * using beats = heartbeat({ interval: 1_000, send: () => socket.send('alive') });
 * beats.start();
 *
 * @throws {RangeError | TypeError} for options out of range, or unknown
 */
export function heartbeat(options: HeartbeatOptions): Disposable & { start(): void } {
  const checks = {
    interval: positive(Number.MAX_VALUE),
    send: typed('function'),
    clock: objectWith('now', 'coarse', 'schedule'),
  };
  const { interval, send, clock = systemClock } = checked('heartbeat', options, checks);
  checks.interval('heartbeat: interval', interval);
  checks.send('heartbeat: send', send);
  let timer: { cancel(): void } | undefined;
  let sending = false;
  let disposed = false;

  return {
    start() {
      if (timer === undefined && !disposed) beat();
    },
    [Symbol.dispose]() {
      disposed = true;
      timer?.cancel();
    },
  };

  function beat(): void {
    timer = clock.schedule(interval, beat);
    if (sending) return;
    sending = true;
    new Promise((resolve) => resolve(send())).then(sent, (error) => {
      sent();
      reportError(error);
    });
  }

  function sent(): void {
    sending = false;
  }
}
