import type { EpochMs } from '../clock.ts';
import type { Disposition } from '../failure.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Longest a delivery may need before any was measured, and the least the lead is worth: 10 minutes. */
const DEFAULT_LEAD = 10 * MINUTE;

/** Lifetime of a token: both ends in epoch ms. */
export interface Lifetime {
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
}

/** What decides when a token is renewed. */
export interface RefreshPolicy {
  /** 10..80: share of the lifetime after which renewal starts at the latest. */
  readonly atLifetimePercent: number;
  /** 0..30: how much earlier at most, chosen by a hash of the UID. */
  readonly jitterPercent: number;
  /** Slowest rollout seen for this binding, in ms; 0 when none. */
  readonly slowestDelivery: number;
}

/**
 * When the renewal of a token starts: the earlier of `atLifetimePercent` and expiry minus the lead, minus
 * jitter. The lead, min(L/2, max(10 min, slowest delivery × 1.5 + 2 min)), is the time in which the old token
 * must outlive the spreading of the new one; neither it nor the jitter ever asks for a renewal before L/2.
 */
export function refreshTime(token: Lifetime, policy: RefreshPolicy, uid: string): EpochMs {
  const lifetime = Math.max(0, token.expiresAt - token.issuedAt);
  const lead = Math.min(lifetime / 2, Math.max(DEFAULT_LEAD, policy.slowestDelivery * 1.5 + 2 * MINUTE));
  const byPercent = (lifetime * policy.atLifetimePercent) / 100;
  const start = Math.min(byPercent, lifetime - lead);
  const jittered = start - start * (policy.jitterPercent / 100) * hashFraction(uid);
  const floor = Math.min(lifetime / 2, start);
  return token.issuedAt + Math.round(Math.max(jittered, floor));
}

/**
 * A number in [0, 1) that is always the same for `text` (FNV-1a, 32 bit, with a final avalanche): jitter is
 * chosen once per object, not re-rolled at every look.
 */
export function hashFraction(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

/** Backoff of one kind of failure: first and longest ceiling in ms. */
const BACKOFF: Readonly<Record<Disposition, { base: number; cap: number }>> = {
  retry: { base: 2 * SECOND, cap: 5 * MINUTE },
  // Things get fixed outside Kubernetes without any event that would wake us: a slow probe goes on.
  stall: { base: 5 * MINUTE, cap: 30 * MINUTE },
};

/** Least time between two attempts, so that no draw of the jitter makes a hot loop. */
const LEAST_WAIT = SECOND;

/** What decides when to try again after a failure. */
export interface Setback {
  readonly disposition: Disposition;
  /** Failures in a row, this one included: 1.. */
  readonly consecutive: number;
  /** Floor set by the remote side (Retry-After), epoch ms. */
  readonly notBefore?: EpochMs | undefined;
  /** When the token in use expires, if there is one: several attempts must fit before. */
  readonly expiresAt?: EpochMs | undefined;
}

/**
 * When to try again: full jitter, random(0, min(cap, base·2^n)), as in
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/. A `retry` ceiling is at most a
 * tenth of the life left in the token, so that several attempts fit before it expires; a `stall` waits for a
 * person and keeps at least half of its ceiling. A floor of the remote side always holds.
 *
 * @param random a number in [0, 1)
 */
export function retryTime(setback: Setback, now: EpochMs, random: number): EpochMs {
  const { base, cap } = BACKOFF[setback.disposition];
  const exponential = Math.min(cap, base * 2 ** Math.min(setback.consecutive - 1, 30));
  if (setback.disposition === 'stall') {
    return Math.max(setback.notBefore ?? 0, now + Math.round(exponential * (0.5 + random / 2)));
  }
  const remaining = (setback.expiresAt ?? 0) - now;
  const ceiling = remaining > 0 ? Math.min(exponential, remaining / 10) : exponential;
  return Math.max(setback.notBefore ?? 0, now + Math.max(LEAST_WAIT, Math.round(ceiling * random)));
}
