import type { EpochMs } from '../clock.ts';
import type { Disposition } from '../failure.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** The least the lead is worth when the spec names none: 10 minutes. */
const DEFAULT_LEAD = 10 * MINUTE;

/** Lifetime of a token: both ends in epoch ms. */
export interface Lifetime {
  readonly issuedAt: EpochMs;
  readonly expiresAt: EpochMs;
}

/** What decides when a token is renewed. Durations in ms. */
export interface RefreshPolicy {
  /** 10..80: share of the lifetime after which renewal starts at the latest. */
  readonly atLifetimePercent: number;
  /** 0..30: how much earlier at most, chosen by a hash of the UID. */
  readonly jitterPercent: number;
  /** spec.refresh.minRemaining; 10 minutes when undefined. */
  readonly minRemaining?: number | undefined;
  /** Slowest rollout seen for this binding; 0 when none. */
  readonly slowestDelivery: number;
  /** The provider's quota runs out: as late as the lead allows. */
  readonly isQuotaLow: boolean;
}

/** The time in which the old token must outlive the spreading of the new one. */
export interface Lead {
  readonly ms: number;
  /** It had to be cut down to half of the token's life: the token lives too short for what is asked. */
  readonly isCut: boolean;
}

/** min(L/2, max(minRemaining, slowest delivery × 1.5 + 2 min)) for a lifetime L. */
export function leadOf(token: Lifetime, policy: RefreshPolicy): Lead {
  const half = lifetimeOf(token) / 2;
  const wanted = Math.max(policy.minRemaining ?? DEFAULT_LEAD, policy.slowestDelivery * 1.5 + 2 * MINUTE);
  return { ms: Math.min(half, wanted), isCut: wanted > half };
}

/**
 * When the renewal of a token starts: the earlier of `atLifetimePercent` and expiry minus the lead, minus
 * jitter; expiry minus the lead while the quota is low. Neither lead nor jitter ever asks for it before L/2.
 */
export function refreshTime(token: Lifetime, policy: RefreshPolicy, uid: string): EpochMs {
  const lifetime = lifetimeOf(token);
  const latest = lifetime - leadOf(token, policy).ms;
  if (policy.isQuotaLow) return token.issuedAt + Math.round(latest);
  const start = Math.min((lifetime * policy.atLifetimePercent) / 100, latest);
  const jittered = start - start * (policy.jitterPercent / 100) * hashFraction(uid);
  const floor = Math.min(lifetime / 2, start);
  return token.issuedAt + Math.round(Math.max(jittered, floor));
}

/** From when on a renewal is urgent: less than a quarter of the lead is left. */
export function urgentTime(token: Lifetime, policy: RefreshPolicy): EpochMs {
  return token.expiresAt - leadOf(token, policy).ms / 4;
}

const lifetimeOf = ({ issuedAt, expiresAt }: Lifetime) => Math.max(0, expiresAt - issuedAt);

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

/** Backoff of one kind of failure: first and longest ceiling in ms, and its largest share of the life left. */
const BACKOFF: Readonly<Record<Disposition, { base: number; cap: number; share: number }>> = {
  retry: { base: 2 * SECOND, cap: 5 * MINUTE, share: 1 / 10 },
  // Things get fixed outside Kubernetes without any event that would wake us: a slow probe goes on.
  stall: { base: 5 * MINUTE, cap: 30 * MINUTE, share: 1 / 5 },
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
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/; a `stall` waits for a person and
 * keeps at least half of its ceiling. While a token lives the ceiling is a share of what is left of its life, so
 * that several attempts fit before it expires. A floor of the remote side always holds.
 *
 * @param random a number in [0, 1)
 */
export function retryTime(setback: Setback, now: EpochMs, random: number): EpochMs {
  const { base, cap, share } = BACKOFF[setback.disposition];
  const exponential = Math.min(cap, base * 2 ** Math.min(setback.consecutive - 1, 30));
  const remaining = (setback.expiresAt ?? 0) - now;
  const ceiling = remaining > 0 ? Math.min(exponential, remaining * share) : exponential;
  const wait = setback.disposition === 'stall' ? ceiling * (0.5 + random / 2) : ceiling * random;
  return Math.max(setback.notBefore ?? 0, now + Math.max(LEAST_WAIT, Math.round(wait)));
}

/** Longest and shortest time a token request may take, in ms: a slow Auth0 Action may take seconds. */
const LONGEST_ATTEMPT = 10 * SECOND;
const SHORTEST_ATTEMPT = 2 * SECOND;

/** How long one attempt may take, in ms: an issuer that never answers must not eat the life that is left. */
export function attemptDeadline(expiresAt: EpochMs | undefined, now: EpochMs): number {
  const remaining = (expiresAt ?? 0) - now;
  if (remaining <= 0) return LONGEST_ATTEMPT;
  return Math.min(LONGEST_ATTEMPT, Math.max(SHORTEST_ATTEMPT, Math.round(remaining / 4)));
}
