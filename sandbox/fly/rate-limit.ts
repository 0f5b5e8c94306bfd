/** Requests a second, and how many may come at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** Token buckets, one per key (action and identifier: an app or a machine). */
export class RateLimit {
  readonly #buckets = new Map<string, Bucket>();

  /** Takes one request from the bucket: 0 when it may pass, else the milliseconds until one may. */
  take(key: string, rate: Rate, nowMs: number): number {
    const bucket = this.#buckets.get(key) ?? { tokens: rate.burst, atMs: nowMs };
    const refilled = bucket.tokens + ((nowMs - bucket.atMs) / 1_000) * rate.perSecond;
    const tokens = Math.min(rate.burst, refilled);
    const passes = tokens >= 1;
    this.#buckets.set(key, { tokens: passes ? tokens - 1 : tokens, atMs: nowMs });
    return passes ? 0 : ((1 - tokens) / rate.perSecond) * 1_000;
  }
}
