import type { TokenEndpointResponse } from 'oauth4webapi';
import { formatDuration } from '../binding/duration.ts';
import type { EpochMs } from '../clock.ts';
import { FailureError, failure } from '../failure.ts';
import { SecretValue } from '../secret-value.ts';
import { readClaims, readScopes } from './token-claims.ts';

/** A token as issued, with what it says about itself when it is a readable JWT. */
export interface IssuedToken {
  readonly value: SecretValue;
  /** When the request was sent: the earliest moment at which its lifetime can have begun. */
  readonly issuedAt: EpochMs;
  /** When it ends at the latest, by our clock. */
  readonly expiresAt: EpochMs;
  /** `iss`, at most 2048 characters. */
  readonly issuer?: string;
  /** Every `aud`, at most 256 of at most 2048 characters; empty when the token does not tell. */
  readonly audiences: readonly string[];
  /** Granted scopes, of the response or else of the token, at most 256; undefined when neither tells. */
  readonly scopes?: readonly string[];
}

/** When a token was asked for and when it came, and what is known besides about its lifetime. */
export interface Period {
  /** Both by our clock. */
  readonly sentAt: EpochMs;
  readonly receivedAt: EpochMs;
  /** The provider's clock minus ours, by the `Date` of this very response; undefined when it told none. */
  readonly skewMs?: number;
  /** The lifetime, from `sentAt`, of a token that states none (spec.refresh.assumedLifetime). */
  readonly assumedLifetimeMs?: number;
}

/** What a token is checked for before anybody gets it; the word stands in the message of a failed check. */
export type Check = 'token type' | 'lifetime' | 'expiry' | 'issuer' | 'audience' | 'scopes' | 'minLifetime';

/** A longer lifetime counts as this long, so that every time stays a valid date. */
const LONGEST_LIFETIME_MS = 10 * 366 * 24 * 3_600_000;

/** `Date` counts whole seconds (RFC 9110 §5.6.7). */
const DATE_RESOLUTION_MS = 1000;

/** From this difference on, clocks are named as a possible cause. */
const NOTABLE_SKEW_MS = 30_000;

/**
 * The token in a response that is well-formed by RFC 6749 §5.1.
 *
 * A response without `scope` grants what was requested (§5.1), so nothing is concluded from its absence; what
 * the token itself says counts then.
 *
 * @throws FailureError `ResponseInvalid` when its value is not printable ASCII (RFC 6749 A.12) or when it
 *   states no lifetime and none is assumed; `VerificationFailed` when it is of no use on arrival
 */
export function issuedToken(body: TokenEndpointResponse, host: string, period: Period): IssuedToken {
  if (!/^[\x20-\x7e]+$/.test(body.access_token))
    throw invalid(host, 'the token holds characters no token may.');
  const claims = readClaims(body.access_token);
  const scopes = readScopes(body.scope) ?? claims.scopes;
  return {
    value: new SecretValue(body.access_token),
    issuedAt: period.sentAt,
    expiresAt: expiry(body.expires_in, claims.expiresAt, { host, ...period }),
    ...(claims.issuer !== undefined && { issuer: claims.issuer }),
    audiences: claims.audiences,
    ...(scopes && { scopes }),
  };
}

/** The failure of a response that is no token response, or one that is of no use. */
export function invalid(host: string, what: string): FailureError<'ResponseInvalid'> {
  const message = `${host} answered a token request with something unusable: ${what}`;
  return new FailureError(failure('ResponseInvalid', message));
}

/** The failure of a token that must not be handed on. */
export function failedCheck(host: string, check: Check, what: string): FailureError<'VerificationFailed'> {
  const message = `${host} issued a token that fails the check "${check}": ${what}`;
  return new FailureError(failure('VerificationFailed', message));
}

type Context = Period & { readonly host: string };

/**
 * The earlier of sentAt + lifetime and `exp`. The first needs no clock but ours. The second is told by the
 * provider's clock, and consumers enforce it by theirs; it is moved into our time by as much as the clocks
 * differ at least: left as it is, it would keep a token too long where our clock is behind, and refuse good
 * tokens where it is ahead.
 *
 * So expiresAt is never later than the true end by more than the second in which both sides count, and the
 * round trip where `exp` is all there is; without a known skew, an `exp` alone is as wrong as our clock.
 */
function expiry(expiresIn: number | undefined, exp: EpochMs | undefined, context: Context): EpochMs {
  const { host, sentAt, receivedAt } = context;
  const byLifetime = sentAt + lifetime(expiresIn, exp, context);
  const byClaim = exp === undefined ? Number.POSITIVE_INFINITY : exp - clockDifference(context);
  if (byClaim <= receivedAt)
    throw failedCheck(host, 'expiry', `its exp is past on arrival; ${advice(context)}`);
  if (byLifetime <= receivedAt) {
    const what = 'it lives no longer than its way here takes; give the tokens of this API a longer lifetime.';
    throw failedCheck(host, 'lifetime', what);
  }
  return Math.floor(Math.min(byLifetime, byClaim));
}

/** Milliseconds from `sentAt`; no bound of its own where `exp` is all there is. */
function lifetime(expiresIn: number | undefined, exp: EpochMs | undefined, context: Context): number {
  const { host, assumedLifetimeMs } = context;
  if (expiresIn !== undefined) {
    // Negated, so that what is not a number is refused too.
    if (!(expiresIn > 0))
      throw failedCheck(host, 'lifetime', `its expires_in is not above zero; ${advice(context)}`);
    return Math.min(expiresIn * 1000, LONGEST_LIFETIME_MS);
  }
  if (exp !== undefined) return LONGEST_LIFETIME_MS;
  if (assumedLifetimeMs !== undefined) return assumedLifetimeMs;
  const what = 'neither expires_in nor a readable exp tells how long the token lives';
  throw invalid(host, `${what}; write spec.refresh.assumedLifetime.`);
}

/**
 * The provider's clock minus ours, the certain part of it. `Date` is the begun second, and was written at
 * some moment of the exchange while the skew counts from its middle: the truth lies between these two.
 */
function clockDifference({ skewMs, sentAt, receivedAt }: Context): number {
  if (skewMs === undefined) return 0;
  const halfRoundTrip = Math.max(0, receivedAt - sentAt) / 2;
  const [least, most] = [skewMs - halfRoundTrip, skewMs + DATE_RESOLUTION_MS + halfRoundTrip];
  return Math.max(least, Math.min(0, most));
}

function advice({ skewMs = 0 }: Context): string {
  if (Math.abs(skewMs) <= NOTABLE_SKEW_MS) return 'check its lifetime and the clocks of both sides.';
  const direction = skewMs > 0 ? 'ahead of' : 'behind';
  return `the provider's clock is ${formatDuration(Math.abs(skewMs))} ${direction} ours; set both by NTP.`;
}
