import type { Clock, Timer } from '../src/clock.ts';
import { higher, type Priority } from './priority.ts';

interface Delayed<K> {
  readonly key: K;
  readonly at: number;
  /** Tells equal times apart: first in, first out. */
  readonly serial: number;
  priority: Priority;
}

/**
 * Longest wait of the one timer. `setTimeout` overflows at 24.8 days, and neither it nor the monotonic clock
 * moves while a machine is suspended: looking at the wall clock each minute keeps a wake-up from being missed by more.
 */
const MAX_WAIT_MS = 60_000;

/** Stale entries that are put up with before the heap is built anew, besides as many as there are keys. */
const SLACK = 64;

/** A wall clock that gained more than this on the monotonic one was stepped; less is drift. */
const STEP_MS = 1_000;

/** Keys waiting for their time: at most one deadline per key, the earliest asked for; one timer in all. */
export class DelayedKeys<K> {
  readonly #clock: Clock;
  readonly #onDue: (key: K, priority: Priority) => void;
  readonly #pending = new Map<K, Delayed<K>>();
  /** Binary min-heap by `at`. An entry that is no longer the key's in `#pending` is stale and skipped. */
  readonly #heap: Delayed<K>[] = [];
  #timer: Timer | undefined;
  #skew: number;
  #stepped = 0;
  #serial = 0;

  constructor(clock: Clock, onDue: (key: K, priority: Priority) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#skew = clock.now() - clock.monotonic();
  }

  /** Wakes `key` after `delayMs` at the latest: an earlier deadline it already has stays, the higher priority wins. */
  add(key: K, delayMs: number, priority: Priority): void {
    const at = this.#elapsed() + (Number.isFinite(delayMs) ? delayMs : MAX_WAIT_MS);
    const known = this.#pending.get(key);
    if (known) known.priority = higher(known.priority, priority);
    if (known && known.at <= at) return;
    this.#serial += 1;
    const entry = { key, at, serial: this.#serial, priority: known?.priority ?? priority };
    this.#pending.set(key, entry);
    if (this.#heap.length > 2 * this.#pending.size + SLACK) this.#compact();
    siftUp(this.#heap, entry);
    if (this.#heap[0] === entry) this.#arm();
  }

  /** Drops the entries that were overtaken: a key woken often with a far deadline leaves one each time. */
  #compact(): void {
    const live = this.#heap.filter((entry) => this.#pending.get(entry.key) === entry);
    this.#heap.length = 0;
    for (const entry of live) siftUp(this.#heap, entry);
  }

  delete(key: K): void {
    this.#pending.delete(key);
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#pending.clear();
    this.#heap.length = 0;
  }

  /** Monotonic time plus every forward step of the wall clock: deadlines stand for wall-clock times such as expiry. */
  #elapsed(): number {
    const monotonic = this.#clock.monotonic();
    const skew = this.#clock.now() - monotonic;
    if (skew - this.#skew > STEP_MS) this.#stepped += skew - this.#skew;
    this.#skew = skew;
    return monotonic + this.#stepped;
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const next = this.#heap[0];
    if (!next) return;
    const wait = Math.min(Math.max(next.at - this.#elapsed(), 0), MAX_WAIT_MS);
    this.#timer = this.#clock.after(wait, () => this.#fire());
  }

  #fire(): void {
    const now = this.#elapsed();
    for (let next = this.#heap[0]; next && next.at <= now; next = this.#heap[0]) {
      removeFirst(this.#heap);
      if (this.#pending.get(next.key) !== next) continue;
      this.#pending.delete(next.key);
      this.#onDue(next.key, next.priority);
    }
    this.#arm();
  }
}

function before(a: Delayed<unknown>, b: Delayed<unknown>): boolean {
  return a.at < b.at || (a.at === b.at && a.serial < b.serial);
}

function siftUp<K>(heap: Delayed<K>[], entry: Delayed<K>): void {
  let index = heap.length;
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex];
    if (!parent || before(parent, entry)) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = entry;
}

function removeFirst<K>(heap: Delayed<K>[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const child = smallerChild(heap, index);
    if (child === undefined || before(last, child.entry)) break;
    heap[index] = child.entry;
    index = child.index;
  }
  heap[index] = last;
}

function smallerChild<K>(
  heap: Delayed<K>[],
  parent: number,
): { index: number; entry: Delayed<K> } | undefined {
  const index = 2 * parent + 1;
  const left = heap[index];
  const right = heap[index + 1];
  if (!left) return undefined;
  return right && before(right, left) ? { index: index + 1, entry: right } : { index, entry: left };
}
