import type { EpochMs } from '../../src/clock.ts';

/** A binding that wants to ask its provider for a token. */
export interface Ask {
  /** Token endpoint or issuer URL: what rate, concurrency and circuit are kept for. */
  readonly endpoint: string;
  /** The binding, `namespace/name`. */
  readonly key: string;
  /** When what the consumers hold expires, or did; 0 or undefined: they never held anything. */
  readonly expiresAt?: EpochMs | undefined;
  /** What the consumers hold is in its urgent zone or expired, or they never held anything. */
  readonly urgent: boolean;
}

/**
 * Whether a working consumer is about to fail, or has begun to. Consumers that never held a token lose
 * nothing by waiting, and a thousand of them may be created at once: they are urgent, but not pressing.
 */
export const isPressing = ({ urgent, expiresAt = 0 }: Ask): boolean => urgent && expiresAt > 0;

/** Negative when `a` goes before `b`: the pressing, then the urgent; among equals what expires first. */
export function compareAsks(a: Ask, b: Ask): number {
  return rankOf(a) - rankOf(b) || (a.expiresAt ?? 0) - (b.expiresAt ?? 0);
}

function rankOf(ask: Ask): number {
  if (isPressing(ask)) return 0;
  return ask.urgent ? 1 : 2;
}
