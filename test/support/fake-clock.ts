import type { Clock, EpochMs, Timer } from '../../src/clock.ts';

interface Pending {
  readonly at: number;
  readonly callback: () => void;
}

/** Any moment with no round number in it, so that a unit mistaken for another shows. */
const START: EpochMs = Date.UTC(2026, 0, 15, 10, 30, 17, 250);

/** Far more than any test needs: stops a loop that waits zero milliseconds. */
const MAX_TIMERS = 100_000;

/** A clock that stands still until a test moves it. The two times start far apart and can be moved apart. */
export class FakeClock implements Clock {
  #wall = START;
  #monotonic = 5_000_000;
  #pending = new Set<Pending>();
  readonly #settled: () => Promise<void>;

  /** @param settle resolves when everything has come to rest that time did not move; default: `settled` */
  constructor(settle: () => Promise<void> = settled) {
    this.#settled = settle;
  }

  now(): EpochMs {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer: Pending = { at: this.#monotonic + Math.max(delayMs, 0), callback };
    this.#pending.add(timer);
    return { cancel: () => this.#pending.delete(timer) };
  }

  /** Timers that wait to be run. */
  get timers(): number {
    return this.#pending.size;
  }

  /**
   * Moves both times forward by `ms`, running every timer that falls due in the order of its due time, also
   * those set on the way. Promises settle before, between and after the timers.
   *
   * @throws Error after 100,000 timers
   */
  async advance(ms: number): Promise<void> {
    const target = this.#monotonic + ms;
    await this.#settled();
    let run = 0;
    for (let next = this.#earliest(target); next; next = this.#earliest(target)) {
      run += 1;
      if (run > MAX_TIMERS) throw new Error('timers set timers without time passing');
      this.#move(Math.max(0, next.at - this.#monotonic));
      this.#pending.delete(next);
      next.callback();
      await this.#settled();
    }
    this.#move(target - this.#monotonic);
  }

  /** Steps the wall clock alone, back when negative: what NTP or an operator does to it. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  /** Both times pass and nothing runs, as in a stopped process (SIGSTOP); overdue timers run at the next `advance`. */
  pause(ms: number): void {
    this.#move(ms);
  }

  #move(ms: number): void {
    this.#wall += ms;
    this.#monotonic += ms;
  }

  #earliest(limit: number): Pending | undefined {
    let earliest: Pending | undefined;
    for (const timer of this.#pending) {
      if (timer.at <= limit && (earliest === undefined || timer.at < earliest.at)) earliest = timer;
    }
    return earliest;
  }
}

/** Resolves when every promise that can settle without a timer or a socket has settled. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
