/** Requests a second, and how many may come at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What the limit says to one request. */
export interface Admission {
  readonly admitted: boolean;
  /** Auth0's `x-ratelimit-*`, which stand on every answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A token bucket over all clients; its reset is the second when the bucket is full again. */
export class RateLimit {
  readonly #rate: Rate;
  #tokens: number;
  #atMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = nowMs;
  }

  admit(nowMs: number): Admission {
    const { perSecond, burst } = this.#rate;
    const refilled = this.#tokens + ((nowMs - this.#atMs) / 1000) * perSecond;
    const available = Math.min(burst, refilled);
    const admitted = available >= 1;
    this.#tokens = admitted ? available - 1 : available;
    this.#atMs = nowMs;
    const fullAtSeconds = nowMs / 1000 + (burst - this.#tokens) / perSecond;
    return { admitted, headers: rateHeaders(burst, Math.floor(this.#tokens), fullAtSeconds) };
  }
}

/**
 * @param limit what may be had at once
 * @param remaining of it
 * @param resetSeconds epoch seconds
 */
export function rateHeaders(limit: number, remaining: number, resetSeconds: number): Record<string, string> {
  return {
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(Math.ceil(resetSeconds)),
  };
}
