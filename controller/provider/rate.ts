/** How often something may be done. */
export interface RateLimits {
  /** Greater than 0. */
  readonly requestsPerSecond: number;
  /** How many at once after a quiet time: 1.. */
  readonly burst: number;
}

/**
 * A token bucket, kept as one number (the generic cell rate algorithm): in any span of t seconds at most
 * burst + t × requestsPerSecond. All times are monotonic milliseconds.
 */
export class Rate {
  /** From one to the next at the steady rate, in ms. */
  readonly intervalMs: number;
  readonly #allowanceMs: number;
  /** When the bucket is full again. */
  #fullAt = Number.NEGATIVE_INFINITY;

  constructor({ requestsPerSecond, burst }: RateLimits) {
    this.intervalMs = 1000 / requestsPerSecond;
    this.#allowanceMs = (burst - 1) * this.intervalMs;
  }

  /** When one may go behind `ahead` others: `now` at the earliest. */
  readyAt(ahead: number, now: number): number {
    const next = Math.max(this.#fullAt, now) - this.#allowanceMs;
    return Math.max(now, next + ahead * this.intervalMs);
  }

  /** One goes; `readyAt(0, now)` must be `now`. */
  take(now: number): void {
    this.#fullAt = Math.max(this.#fullAt, now) + this.intervalMs;
  }

  /** None goes before `at`, and from then on at the steady rate, without a burst. */
  hold(at: number): void {
    this.#fullAt = Math.max(this.#fullAt, at + this.#allowanceMs);
  }
}
