import type { Clock } from '../src/clock.ts';
import { DelayedKeys } from './delayed-keys.ts';
import { Lane } from './lane.ts';
import { higher, type Priority } from './priority.ts';

/** What the queue tells its meters; one call per happening. */
export interface WorkQueueHooks {
  /** Keys ready to be taken, told on every change. */
  depth(keys: number): void;
  /** A key became dirty; a duplicate that collapses into it is not told. */
  added(): void;
  /** A key was handed in again after a failure. */
  retried(): void;
  /** Time from becoming dirty to being taken, in seconds. */
  queued(seconds: number): void;
}

interface Dirty {
  readonly priority: Priority;
  /** Monotonic ms. */
  readonly since: number;
}

const FIRST_BACKOFF_MS = 5;
/** Tokens run out while nobody asks whether the API server is back: far below client-go's 1000 s. */
const MAX_BACKOFF_MS = 60_000;

/** While low keys wait, one of them is taken after this many high ones in a row: they get at least a fifth. */
const HIGH_IN_A_ROW = 4;

/**
 * Which key to work on next, with the semantics of client-go's work queue: however often a key is added while
 * it waits it is taken once; added while it is being worked on, it is taken once more after `done`. So no key is
 * ever worked on twice at the same time, and no wake-up is lost. Within a priority the order is first in, first out.
 */
export class WorkQueue<K = string> {
  readonly #clock: Clock;
  readonly #hooks: WorkQueueHooks;
  readonly #ready: Readonly<Record<Priority, Lane<K, Dirty>>> = { high: new Lane(), low: new Lane() };
  readonly #processing = new Map<K, Priority>();
  readonly #again = new Map<K, Dirty>();
  readonly #failures = new Map<K, number>();
  readonly #delayed: DelayedKeys<K>;
  readonly #takers: ((key: K | undefined) => void)[] = [];
  readonly #drained = Promise.withResolvers<void>();
  #highInARow = 0;
  #closed: boolean = false;

  constructor(clock: Clock, hooks: WorkQueueHooks) {
    this.#clock = clock;
    this.#hooks = hooks;
    this.#delayed = new DelayedKeys(clock, (key, priority) => this.add(key, priority));
  }

  /** Keys ready to be taken; neither those being worked on nor those waiting for their time. */
  get length(): number {
    return this.#ready.high.size + this.#ready.low.size;
  }

  /** Makes `key` ready now. A key that becomes ready loses its deadline: the coming run decides about the next one. */
  add(key: K, priority: Priority): void {
    if (this.#closed) return;
    const known = this.#again.get(key) ?? this.#ready.high.get(key) ?? this.#ready.low.get(key);
    if (known && higher(priority, known.priority) === known.priority) return;
    if (!known) this.#hooks.added();
    const dirty = { priority, since: known?.since ?? this.#clock.monotonic() };
    if (this.#processing.has(key)) this.#again.set(key, dirty);
    else this.#makeReady(key, dirty);
  }

  /** Makes `key` ready after `delayMs`, or earlier when an earlier time was asked for. */
  addAfter(key: K, delayMs: number, priority: Priority): void {
    if (this.#closed) return;
    if (delayMs <= 0) this.add(key, priority);
    else this.#delayed.add(key, delayMs, priority);
  }

  /**
   * Hands a key in again after a failure: after 5 ms, doubled by each further failure up to a minute, until `forget`.
   * It keeps the priority of the run that failed.
   */
  addRateLimited(key: K): void {
    if (this.#closed) return;
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#hooks.retried();
    const delay = Math.min(FIRST_BACKOFF_MS * 2 ** failures, MAX_BACKOFF_MS);
    this.addAfter(key, delay, this.#processing.get(key) ?? 'low');
  }

  /** The next `addRateLimited` of `key` starts again at the shortest delay. */
  forget(key: K): void {
    this.#failures.delete(key);
  }

  /** The next key, waiting for one if need be; `undefined` once the queue is shut down. Owes a `done(key)`. */
  get(): Promise<K | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const lane = this.#nextLane();
    if (!lane) return new Promise((resolve) => this.#takers.push(resolve));
    const [key, dirty] = lane.take();
    this.#start(key, dirty);
    this.#hooks.depth(this.length);
    return Promise.resolve(key);
  }

  /** The work on `key` ended, well or not; what was added meanwhile becomes ready. */
  done(key: K): void {
    this.#processing.delete(key);
    const dirty = this.#again.get(key);
    this.#again.delete(key);
    if (this.#closed) this.#settle();
    else if (dirty) this.#makeReady(key, dirty);
  }

  /**
   * Takes nothing more in and hands nothing more out; what waits is dropped, as the next process lists everything
   * anew. Resolves when the last key being worked on is done.
   */
  shutdown(): Promise<void> {
    this.#closed = true;
    this.#delayed.clear();
    this.#ready.high.clear();
    this.#ready.low.clear();
    this.#again.clear();
    this.#hooks.depth(0);
    for (const take of this.#takers.splice(0)) take(undefined);
    this.#settle();
    return this.#drained.promise;
  }

  #makeReady(key: K, dirty: Dirty): void {
    this.#delayed.delete(key);
    const take = this.#takers.shift();
    if (take) {
      this.#start(key, dirty);
      take(key);
      return;
    }
    this.#ready.low.delete(key);
    this.#ready[dirty.priority].set(key, dirty);
    this.#hooks.depth(this.length);
  }

  #start(key: K, dirty: Dirty): void {
    this.#processing.set(key, dirty.priority);
    this.#hooks.queued((this.#clock.monotonic() - dirty.since) / 1000);
  }

  #nextLane(): Lane<K, Dirty> | undefined {
    const { high, low } = this.#ready;
    const yields = low.size > 0 && this.#highInARow >= HIGH_IN_A_ROW;
    if (high.size > 0 && !yields) {
      this.#highInARow = low.size > 0 ? this.#highInARow + 1 : 0;
      return high;
    }
    this.#highInARow = 0;
    return low.size > 0 ? low : undefined;
  }

  #settle(): void {
    if (this.#processing.size === 0) this.#drained.resolve();
  }
}
