import { decodeJwt, type JWTPayload } from 'jose';
import type { EpochMs } from '../clock.ts';

/** What a token says about itself, unverified: it informs, and the consumer verifies. */
export interface TokenClaims {
  /** `iss`, cut at 2048 characters. */
  readonly issuer?: string;
  /** `aud`, one or many: at most 256, each cut at 2048 characters; empty when the token does not tell. */
  readonly audiences: readonly string[];
  /** `scope` (RFC 9068 §2.2.3) or else `scp` (Entra, Okta); undefined when the token does not tell. */
  readonly scopes?: readonly string[];
  /** `exp`, by the clock of the issuer. */
  readonly expiresAt?: EpochMs;
}

/**
 * What is kept of each, so that the API server takes it in a status. A name is cut rather than left out: it
 * is longer than any that a spec can hold, so it still equals none, where an absent one would not be compared.
 */
const LONGEST_NAME = 2048;
const LONGEST_SCOPE = 1024;
const MOST_OF_A_LIST = 256;

/** The claims of a readable JWT; none of an opaque token or an encrypted one (JWE). Never throws. */
export function readClaims(token: string): TokenClaims {
  const { iss, aud, exp, scope, scp } = decode(token);
  const scopes = readScopes(scope) ?? readScopes(scp);
  return {
    ...(typeof iss === 'string' && { issuer: iss.slice(0, LONGEST_NAME) }),
    audiences: strings([aud].flat()).map((name) => name.slice(0, LONGEST_NAME)),
    ...(scopes && { scopes }),
    ...(typeof exp === 'number' && { expiresAt: exp * 1000 }),
  };
}

/** A list of scopes, or names with spaces between (RFC 6749 §3.3): at most 256; undefined for anything else. */
export function readScopes(scope: unknown): readonly string[] | undefined {
  if (typeof scope !== 'string' && !Array.isArray(scope)) return undefined;
  const names = typeof scope === 'string' ? scope.split(' ') : scope;
  return strings(names.filter((name) => name !== '')).map((name) => name.slice(0, LONGEST_SCOPE));
}

function strings(values: readonly unknown[]): string[] {
  return values.filter((value) => typeof value === 'string').slice(0, MOST_OF_A_LIST);
}

function decode(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch {
    return {};
  }
}
