import { rateHeaders } from './rate-limit.ts';

/** Tokens that a client may have in an hour and a day of UTC. */
export interface Quota {
  readonly perHour?: number;
  readonly perDay?: number;
}

interface Bucket {
  readonly name: 'per_hour' | 'per_day';
  readonly lengthMs: number;
  readonly limit: number;
  /** Start of the hour or day that `used` counts, epoch milliseconds. */
  startMs: number;
  used: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * The token quotas of clients. Unlike Auth0's, whose count is eventually consistent, this one is exact.
 * Source: Auth0 docs, "Fine-Grained Machine-to-Machine Token Quotas".
 */
export class Quotas {
  readonly #now: () => number;
  readonly #buckets = new Map<string, readonly Bucket[]>();

  /** @param now epoch milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts from zero; undefined lifts the quota. */
  set(clientId: string, quota: Quota | undefined): void {
    const bucket = (name: Bucket['name'], lengthMs: number, limit: number | undefined): Bucket[] =>
      limit === undefined ? [] : [{ name, lengthMs, limit, startMs: 0, used: 0 }];
    this.#buckets.set(clientId, [
      ...bucket('per_hour', HOUR_MS, quota?.perHour),
      ...bucket('per_day', DAY_MS, quota?.perDay),
    ]);
  }

  /** One token was issued. */
  spend(clientId: string): void {
    for (const bucket of this.#current(clientId)) bucket.used += 1;
  }

  isUsedUp(clientId: string): boolean {
    return this.#current(clientId).some(isFull);
  }

  /** Headers for any answer to the client. */
  headers(clientId: string): Record<string, string> {
    const buckets = this.#current(clientId);
    return buckets.length === 0 ? {} : { 'auth0-client-quota-limit': this.#limits(buckets) };
  }

  /** Headers for the 429 that says so, besides. */
  refusalHeaders(clientId: string): Record<string, string> {
    const last = this.#current(clientId).findLast(isFull);
    if (!last) return {};
    const resetSeconds = (last.startMs + last.lengthMs) / 1000;
    return {
      ...rateHeaders(last.limit, 0, resetSeconds),
      'retry-after': String(this.#secondsLeft(last)),
    };
  }

  #limits(buckets: readonly Bucket[]): string {
    const limits = buckets.map((bucket) => {
      const remaining = Math.max(0, bucket.limit - bucket.used);
      return `b=${bucket.name};q=${bucket.limit};r=${remaining};t=${this.#secondsLeft(bucket)}`;
    });
    return limits.join(',');
  }

  #secondsLeft({ startMs, lengthMs }: Bucket): number {
    return Math.ceil((startMs + lengthMs - this.#now()) / 1000);
  }

  /** The client's buckets, emptied where a new hour or day has begun. */
  #current(clientId: string): readonly Bucket[] {
    const buckets = this.#buckets.get(clientId) ?? [];
    for (const bucket of buckets) {
      const startMs = this.#now() - (this.#now() % bucket.lengthMs);
      if (startMs === bucket.startMs) continue;
      Object.assign(bucket, { startMs, used: 0 });
    }
    return buckets;
  }
}

function isFull({ used, limit }: Bucket): boolean {
  return used >= limit;
}
