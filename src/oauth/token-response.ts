import { decodeJwt, type JWTPayload } from 'jose';
import type { TokenEndpointResponse } from 'oauth4webapi';
import type { EpochMs } from '../clock.ts';
import { FailureError, failure } from '../failure.ts';
import { SecretValue } from '../secret-value.ts';

/** A token as issued, with what it says about itself when it is a readable JWT. */
export interface IssuedToken {
  readonly value: SecretValue;
  /** When the request was sent: the earliest moment at which its lifetime can have begun. */
  readonly issuedAt: EpochMs;
  /** The earlier of issuedAt + `expires_in` and `exp`: consumers enforce `exp` by a clock of their own. */
  readonly expiresAt: EpochMs;
  /** `iss`, at most 2048 characters. */
  readonly issuer?: string;
  /** `aud`; the first one of a list. At most 2048 characters. */
  readonly audience?: string;
  /** Granted scopes, of the response or else of the token; empty when neither tells. At most 256. */
  readonly scopes: readonly string[];
}

/** When the token was asked for, and when it came. */
export interface Period {
  readonly sentAt: EpochMs;
  readonly receivedAt: EpochMs;
}

/** A longer lifetime counts as this long, so that every time stays a valid date. */
const LONGEST_LIFETIME_MS = 10 * 366 * 24 * 3_600_000;

/** What is kept of a claim or list, so that the API server takes it in a status. */
const LONGEST_CLAIM = 2048;
const LONGEST_SCOPE = 1024;
const MOST_SCOPES = 256;

/**
 * The token in a response that is well-formed by RFC 6749 §5.1.
 *
 * @throws FailureError `ResponseInvalid` (retry) when its value is not printable ASCII (RFC 6749 A.12), when
 *   it states no lifetime, or when it is expired on arrival
 */
export function issuedToken(body: TokenEndpointResponse, domain: string, period: Period): IssuedToken {
  if (!/^[\x20-\x7e]+$/.test(body.access_token))
    throw invalid(domain, 'the token holds characters no token may.');
  const claims = readClaims(body.access_token);
  const issuer = boundedString(claims.iss);
  const audience = boundedString([claims.aud].flat()[0]);
  return {
    value: new SecretValue(body.access_token),
    issuedAt: period.sentAt,
    expiresAt: expiry(body.expires_in, claims.exp, { domain, ...period }),
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
    scopes: scopesOf(body.scope ?? claims.scope),
  };
}

/** The failure of a response that is no token response, or one that is of no use. */
export function invalid(domain: string, what: string): FailureError<'ResponseInvalid'> {
  const message = `${domain} answered a token request with something unusable: ${what}`;
  return new FailureError(failure('ResponseInvalid', message));
}

function expiry(expiresIn: unknown, exp: unknown, context: Period & { domain: string }): EpochMs {
  const { domain, sentAt, receivedAt } = context;
  const ends = [];
  if (typeof expiresIn === 'number') ends.push(sentAt + expiresIn * 1000);
  if (typeof exp === 'number') ends.push(exp * 1000);
  if (ends.length === 0)
    throw invalid(domain, 'neither expires_in nor a readable exp tells how long the token lives.');
  const earliest = Math.min(...ends, sentAt + LONGEST_LIFETIME_MS);
  // Negated, so that a lifetime that is not a number is refused too.
  if (!(earliest > receivedAt)) {
    throw invalid(
      domain,
      'the token is expired on arrival; check its lifetime and the clocks of both sides.',
    );
  }
  return Math.floor(earliest);
}

/** The claims, unverified: they inform, the consumer verifies. None for an opaque or encrypted token. */
function readClaims(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch {
    return {};
  }
}

function boundedString(claim: unknown): string | undefined {
  return typeof claim === 'string' && claim.length <= LONGEST_CLAIM ? claim : undefined;
}

function scopesOf(scope: unknown): string[] {
  if (typeof scope !== 'string') return [];
  const scopes = scope.split(' ').filter((name) => name !== '' && name.length <= LONGEST_SCOPE);
  return scopes.slice(0, MOST_SCOPES);
}
