/** One access token that left the signing key, whether or not it reached anybody. */
export interface IssuedRecord {
  readonly clientId: string;
  readonly audience: string;
  /** The token's `jti`. */
  readonly tokenId: string;
  /** Epoch seconds, the token's own `iat` and `exp`. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Requests to the token endpoint since the start. */
export interface RequestCounts {
  /** All of them. */
  total: number;
  /** Answered 4xx by the issuer itself. */
  refused: number;
  /** Met by a fault. */
  faulted: number;
}

/** What the issuer has done so far. */
export class Ledger {
  readonly issued: IssuedRecord[] = [];
  readonly requests: RequestCounts = { total: 0, refused: 0, faulted: 0 };

  /** Tokens issued to a client, for one audience or for all. */
  count(clientId: string, audience?: string): number {
    return this.issued.filter(
      (record) => record.clientId === clientId && (audience === undefined || record.audience === audience),
    ).length;
  }
}
