import type { Clock } from '../clock.ts';

const FIRST_MS = 800;
const CEILING_MS = 5_000;
const HEALTHY_AFTER_MS = 120_000;

/**
 * Waits between attempts at one thing, as client-go's reflector spaces them: 800 ms doubling, jittered upwards,
 * and from the start again when the last failure is two minutes old. The ceiling is lower, at most 10 s: a
 * handful of watches weigh nothing, and people wait for what a corrected Secret brings.
 */
export class Backoff {
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;
  #lastAt = Number.NEGATIVE_INFINITY;

  /** @param random in [0, 1) */
  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** The thing worked: the next failure is a first one. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** The wait in milliseconds (800 to 10,000) after one more failure. */
  next(): number {
    const now = this.#clock.monotonic();
    if (now - this.#lastAt > HEALTHY_AFTER_MS) this.#failures = 0;
    this.#lastAt = now;
    const base = Math.min(FIRST_MS * 2 ** this.#failures, CEILING_MS);
    this.#failures += 1;
    return base * (1 + this.#random());
  }
}
