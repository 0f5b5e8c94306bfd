/** One access token that left the signing key, whether or not it reached anybody. */
export interface IssuedRecord {
  readonly clientId: string;
  readonly audience: string;
  /** The token's own `scope`, space-separated; empty when it has none. */
  readonly scope: string;
  /** The token's `jti`. */
  readonly tokenId: string;
  /** Epoch seconds, the token's own `iat` and `exp`. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** One request to the token endpoint. */
export interface ReceivedRequest {
  /** Epoch milliseconds, when it had been read. */
  readonly atMs: number;
  /** Whom it names as its client, right or wrong. */
  readonly clientId: string | undefined;
  /** Whether the rate limit turned it away. */
  readonly rateLimited: boolean;
}

/** Requests since the start; all but `discovery` count the token endpoint. */
export interface RequestCounts {
  /** All of them. */
  total: number;
  /** Answered 4xx by the issuer itself, used-up quotas included. */
  refused: number;
  /** Met by a fault. */
  faulted: number;
  /** Turned away by the rate limit. */
  rateLimited: number;
  /** For the metadata, in either form. */
  discovery: number;
}

/** What the issuer has done so far. */
export class Ledger {
  readonly issued: IssuedRecord[] = [];
  readonly received: ReceivedRequest[] = [];
  readonly requests: RequestCounts = { total: 0, refused: 0, faulted: 0, rateLimited: 0, discovery: 0 };

  /** Tokens issued to a client, for one audience or for all. */
  count(clientId: string, audience?: string): number {
    return this.issued.filter(
      (record) => record.clientId === clientId && (audience === undefined || record.audience === audience),
    ).length;
  }
}
