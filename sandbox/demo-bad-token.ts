import type { Outside } from './outside-world.ts';
import { deliveryOf, isRolledOut, type Snapshot } from './view/snapshot.ts';
import type { News } from './view/story.ts';

/**
 * An API that refuses one token, however good it is: the second, until it was taken back. A token that came with
 * a mistake which no verification finds looks like that.
 */
export class BadToken {
  readonly #outside: Pick<Outside, 'api' | 'issuer'>;
  #state: 'before' | 'refusing' | 'over' = 'before';

  constructor(outside: Pick<Outside, 'api' | 'issuer'>) {
    this.#outside = outside;
  }

  /** Does what is its part by now, and tells it. To be called with each snapshot. */
  act(snapshot: Snapshot): News[] {
    if (this.#state === 'before' && isRolledOut(snapshot)) return this.#refuse();
    const { rejectedTokenId, rollbackMachine } = deliveryOf(snapshot) ?? {};
    const isTakenBack = rejectedTokenId !== undefined && rollbackMachine === undefined;
    return this.#state === 'refusing' && isTakenBack ? this.#relent() : [];
  }

  #refuse(): News[] {
    const { api, issuer } = this.#outside;
    const known = new Set(issuer.issued.map(({ tokenId }) => tokenId));
    api.refuse((tokenId) => !known.has(tokenId));
    this.#state = 'refusing';
    return [{ text: 'the API will refuse the next token, however good it is (--bad-token)' }];
  }

  #relent(): News[] {
    this.#outside.api.relent();
    this.#state = 'over';
    return [{ text: 'the API will take the next token again' }];
  }
}
