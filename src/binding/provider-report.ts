import type { EpochMs } from '../clock.ts';

/** What the answer of a token endpoint tells besides the token: about clocks and about quotas. */
export interface ProviderReport {
  /** The provider's clock minus ours, in ms, by the `Date` header (RFC 9110 §6.6.1, whole seconds). */
  readonly skewMs?: number;
  /** Quotas that count tokens over hours or longer; rate limits of seconds are none. */
  readonly quotas: readonly Quota[];
}

/** One quota of tokens, as the provider stated it last. */
export interface Quota {
  /** The period it counts over. */
  readonly period: 'Hour' | 'Day' | 'Month';
  /** Tokens allowed in the period. */
  readonly limit: number;
  readonly remaining: number;
  /** When the period ends, epoch ms. */
  readonly resetsAt: EpochMs;
}
