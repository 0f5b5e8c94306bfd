import { formatDuration } from '../binding/duration.ts';
import { failedCheck, type IssuedToken } from './token-response.ts';

/** What a token has to be before anybody gets it. */
export interface Requirement {
  /** `iss`, compared character by character (RFC 8414 §2); undefined when none is known. */
  readonly issuer?: string;
  /** One of `aud` has to be it, character by character; undefined when any will do. */
  readonly audience?: string;
  /** Every one has to be granted. */
  readonly scopes: readonly string[];
  /** Shortest acceptable life from issue, in ms; a token of just this life passes. */
  readonly minLifetimeMs?: number;
}

/** Lifetimes come out shorter than they are: `exp` and `Date` count whole seconds, and the way here took time. */
const MEASURING_ERROR_MS = 5_000;

/**
 * Checks what the token or its response tells; an opaque or encrypted token that tells nothing passes. That
 * it is a bearer token and has not expired is checked where the response is read.
 *
 * @throws FailureError `VerificationFailed` naming the check and what was expected, never what the token says
 */
export function verifyToken(token: IssuedToken, requirement: Requirement, host: string): void {
  const { issuer, audience, minLifetimeMs = 0 } = requirement;
  if (issuer !== undefined && token.issuer !== undefined && token.issuer !== issuer) {
    const what = `its issuer is not ${issuer}; correct the issuer in spec.source, its last slash included.`;
    throw failedCheck(host, 'issuer', what);
  }
  if (audience !== undefined && token.audiences.length > 0 && !token.audiences.includes(audience)) {
    const what = `it is not for ${audience}; compare spec.source with the identifier of the API at the provider.`;
    throw failedCheck(host, 'audience', what);
  }
  verifyScopes(token, requirement, host);
  const lifetimeMs = token.expiresAt - token.issuedAt;
  if (lifetimeMs + MEASURING_ERROR_MS < minLifetimeMs) {
    const what =
      `it lives ${formatDuration(lifetimeMs)}, shorter than ${formatDuration(minLifetimeMs)}; give the tokens ` +
      'of this API a longer lifetime, or lower spec.verify.minLifetime.';
    throw failedCheck(host, 'minLifetime', what);
  }
}

function verifyScopes({ scopes: granted }: IssuedToken, { scopes }: Requirement, host: string): void {
  if (granted === undefined) return;
  const missing = scopes.filter((scope) => !granted.includes(scope));
  if (missing.length === 0) return;
  const what =
    `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not granted; grant that to the client at the ` +
    'provider, or remove it from the scopes of spec.source.';
  throw failedCheck(host, 'scopes', what);
}
