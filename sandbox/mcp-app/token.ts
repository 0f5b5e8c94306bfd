import { createHash } from 'node:crypto';

/** What may be shown of a token. */
export interface TokenFacts {
  /** First 16 hex digits of the token's SHA-256. */
  readonly id: string;
  /** Epoch seconds; absent when the token is not a JWT that says so. */
  readonly exp?: number;
}

function expiry(token: string): number | undefined {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const exp = (payload as { exp?: unknown } | null)?.exp;
    return typeof exp === 'number' ? exp : undefined;
  } catch {
    return undefined;
  }
}

export function tokenFacts(token: string): TokenFacts {
  const id = createHash('sha256').update(token).digest('hex').slice(0, 16);
  const exp = expiry(token);
  return exp === undefined ? { id } : { id, exp };
}
