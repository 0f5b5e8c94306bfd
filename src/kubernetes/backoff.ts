import type { Clock } from '../clock.ts';

const FIRST_MS = 800;
const CEILING_MS = 15_000;
const HEALTHY_AFTER_MS = 120_000;

/**
 * Waits between attempts at one thing, as client-go's reflector spaces them: 800 ms doubling, jittered
 * upwards to at most 30 s, and from the start again when the last failure is two minutes old.
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

  /** The wait in milliseconds (800 to 30,000) after one more failure. */
  next(): number {
    const now = this.#clock.monotonic();
    if (now - this.#lastAt > HEALTHY_AFTER_MS) this.#failures = 0;
    this.#lastAt = now;
    const base = Math.min(FIRST_MS * 2 ** this.#failures, CEILING_MS);
    this.#failures += 1;
    return base * (1 + this.#random());
  }
}
