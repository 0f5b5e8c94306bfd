import { errors, type KoaContextWithOIDC } from 'oidc-provider';

/** The algorithms that Auth0 takes. */
export const ASSERTION_ALGORITHMS = ['RS256', 'RS384', 'PS256', 'PS384', 'ES256', 'ES384'] as const;
/** Seconds that `iat` and `nbf` may lie in the future. */
export const ASSERTION_SKEW = 10;

const LONGEST_LIFE_SECONDS = 300;
const LONGEST_ID = 64;
const LONGEST_ASSERTION = 2048;

/**
 * Refuses what Auth0 refuses in a client assertion beyond what RFC 7523 §3 has oidc-provider refuse.
 * Source: Auth0 docs, "Authenticate with Private Key JWT".
 *
 * @param audience the only value that `aud` may have
 * @throws InvalidClientAuth
 */
export function assertAuth0Assertion(
  ctx: KoaContextWithOIDC,
  claims: Readonly<Record<string, unknown>>,
  audience: string,
): void {
  const now = Math.floor(Date.now() / 1000);
  const start = typeof claims.iat === 'number' ? claims.iat : now;
  const flaws: readonly (readonly [boolean, string])[] = [
    [[claims.aud].flat().some((aud) => aud !== audience), 'aud must be the one accepted audience'],
    [start > now + ASSERTION_SKEW, 'iat is in the future'],
    [Number(claims.exp) > start + LONGEST_LIFE_SECONDS, 'exp is more than five minutes after iat'],
    [String(claims.jti).length > LONGEST_ID, 'jti is longer than 64 characters'],
    [String(ctx.oidc.params?.client_assertion).length > LONGEST_ASSERTION, 'it is longer than 2048 bytes'],
  ];
  const flaw = flaws.find(([found]) => found);
  if (flaw) throw new errors.InvalidClientAuth(flaw[1]);
}
