import { randomBytes } from 'node:crypto';
import { CompactEncrypt } from 'jose';

/** What can be wrong with a token, or with the answer that carries it. */
export type TokenFault =
  | { readonly kind: 'wrongAudience' /** Default `https://elsewhere.test`. */; readonly audience?: string }
  /** One granted scope is withheld, in the token as in the answer. */
  | { readonly kind: 'missingScope' /** Default the last one. */; readonly scope?: string }
  /** `exp` is in the past; `expires_in` says nothing of it. */
  | { readonly kind: 'expired' /** Default 60. */; readonly secondsAgo?: number }
  /** `expires_in` as any JSON value; left out when undefined. */
  | { readonly kind: 'expiresIn'; readonly value: unknown }
  | { readonly kind: 'tokenType' /** Default `DPoP`. */; readonly value?: string }
  /** A token that only the issuer could read. */
  | { readonly kind: 'opaque' /** The answer tells no `expires_in` either. */; readonly timeless?: boolean }
  /** The token as a JWE, which has five parts (RFC 7516 §7.1), for a key that nobody has. */
  | { readonly kind: 'encrypted' };

const TOKEN_FAULTS: Readonly<Record<TokenFault['kind'], true>> = {
  wrongAudience: true,
  missingScope: true,
  expired: true,
  expiresIn: true,
  tokenType: true,
  opaque: true,
  encrypted: true,
};

export function isTokenFault(fault: { readonly kind: string }): fault is TokenFault {
  return Object.hasOwn(TOKEN_FAULTS, fault.kind);
}

type Members = Record<string, unknown>;

/** Spoils a token's claims before they are signed. */
export function spoilClaims(claims: Members, fault: TokenFault): void {
  switch (fault.kind) {
    case 'wrongAudience':
      claims.aud = fault.audience ?? 'https://elsewhere.test';
      return;
    case 'missingScope':
      withholdScope(claims, fault.scope);
      return;
    case 'expired': {
      const late = Number(claims.exp) - Math.floor(Date.now() / 1000) + (fault.secondsAgo ?? 60);
      Object.assign(claims, { iat: Number(claims.iat) - late, exp: Number(claims.exp) - late });
      return;
    }
  }
}

/** Spoils the answer of the token endpoint. */
export async function spoilAnswer(answer: Members, fault: TokenFault): Promise<void> {
  switch (fault.kind) {
    case 'missingScope':
      withholdScope(answer, fault.scope);
      return;
    case 'expiresIn':
      answer.expires_in = fault.value;
      return;
    case 'tokenType':
      answer.token_type = fault.value ?? 'DPoP';
      return;
    case 'opaque':
      answer.access_token = randomBytes(32).toString('base64url');
      if (fault.timeless) delete answer.expires_in;
      return;
    case 'encrypted':
      answer.access_token = await encrypt(String(answer.access_token));
      return;
  }
}

function withholdScope(members: Members, scope: string | undefined): void {
  const scopes = String(members.scope ?? '').split(' ');
  const withheld = scope ?? scopes.at(-1);
  const kept = scopes.filter((granted) => granted !== withheld).join(' ');
  if (kept === '') delete members.scope;
  else members.scope = kept;
}

function encrypt(token: string): Promise<string> {
  return new CompactEncrypt(Buffer.from(token))
    .setProtectedHeader({ alg: 'A256KW', enc: 'A256GCM', cty: 'JWT' })
    .encrypt(randomBytes(32));
}
