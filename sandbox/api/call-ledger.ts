import type { Refusal } from './refusal.ts';

/** What became of the calls made with one token. */
export interface TokenCalls {
  accepted: number;
  /** By cause; absent means none. */
  readonly refused: Partial<Record<Refusal, number>>;
}

/** Name of the bucket for calls whose token has no readable `jti`. */
export const NO_TOKEN_ID = '(none)';

/** Calls to the protected API, by the `jti` of their token. */
export class CallLedger {
  readonly byToken = new Map<string, TokenCalls>();

  #of(tokenId: string): TokenCalls {
    let calls = this.byToken.get(tokenId);
    if (!calls) {
      calls = { accepted: 0, refused: {} };
      this.byToken.set(tokenId, calls);
    }
    return calls;
  }

  accept(tokenId: string): void {
    this.#of(tokenId).accepted += 1;
  }

  refuse(tokenId: string, cause: Refusal): void {
    const { refused } = this.#of(tokenId);
    refused[cause] = (refused[cause] ?? 0) + 1;
  }

  /** Sums over all tokens: 200s and 401s. */
  totals(): { accepted: number; refused: number } {
    let accepted = 0;
    let refused = 0;
    for (const calls of this.byToken.values()) {
      accepted += calls.accepted;
      for (const count of Object.values(calls.refused)) refused += count;
    }
    return { accepted, refused };
  }
}
