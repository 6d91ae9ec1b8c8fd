import { nextTurn } from './clock.ts';

/**
 * Follows something that may end early: a caller's signal, or the scope of a policy further out. An intrusive node of
 * a circular list, so that coming and going take constant time and allocate nothing.
 */
export interface Follower {
  previous: Follower | undefined;
  next: Follower | undefined;
  /** What is followed has ended. `gently`: its signal aborted, but work that is under way is waited for. */
  end(reason: unknown, gently: boolean): void;
}

/** Those who follow one thing, in the order they came; the list's own sentinel. */
export class Followers implements Follower {
  previous: Follower | undefined = this;
  next: Follower | undefined = this;

  add(follower: Follower): void {
    const last = this.previous as Follower;
    follower.previous = last;
    follower.next = this;
    last.next = this.previous = follower;
  }

  /** Tells all who follow at this moment. */
  end(reason: unknown, gently: boolean): void {
    const told: Follower[] = [];
    for (let each = this.next as Follower; each !== this; each = each.next as Follower) told.push(each);
    for (const each of told) if (each.next !== undefined) each.end(reason, gently);
  }

  /** Called when the last one has gone. */
  emptied(): void {}
}

/** Takes a node out of its list; nothing happens if it is in none. */
export function unfollow(node: Follower): void {
  const { previous, next } = node;
  if (previous === undefined) return;
  previous.next = next;
  (next as Follower).previous = previous;
  node.previous = node.next = undefined;
  if (previous === next) (next as Followers).emptied();
}

const settled = /* @__PURE__ */ Promise.resolve();

/**
 * Runs `run` in a microtask. Through a settled promise: `queueMicrotask` wraps each callback for the inspector and for
 * async hooks, and costs three times as much.
 */
export function soon(run: () => void): void {
  void settled.then(run);
}

/** Of each caller's signal, those who follow it. */
const hubs = new WeakMap<AbortSignal, Followers>();

/** Follows a signal that has not aborted yet: `follower.end` is called in a microtask after it does. */
export function followSignal(signal: AbortSignal, follower: Follower): void {
  (hubs.get(signal) ?? hubOf(signal)).add(follower);
}

/**
 * Puts the one listener of holdfast on a caller's signal, however many calls follow it. It stays for a turn of the event
 * loop after the last call has gone, so that calls made one after another do not add and remove it each time.
 */
function hubOf(signal: AbortSignal): Followers {
  const hub = new Followers();
  let checking = false;
  // In a microtask of its own: what had already arrived at a call wins over the abort.
  const aborted = (): void => soon(() => hub.end(signal.reason, false));
  hub.emptied = () => {
    if (checking) return;
    checking = true;
    nextTurn(() => {
      checking = false;
      if (hub.next !== hub) return;
      signal.removeEventListener('abort', aborted);
      hubs.delete(signal);
    });
  };
  signal.addEventListener('abort', aborted);
  hubs.set(signal, hub);
  return hub;
}
