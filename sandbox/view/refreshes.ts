import type { CallCounts } from '../caller.ts';
import type { Names } from './names.ts';
import { currentTokenId, isRolledOut, type Snapshot } from './snapshot.ts';
import { type News, seconds } from './story.ts';

interface Token {
  readonly id: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

/** A token on its way to the machines. */
interface Rollout {
  readonly tokenId: string;
  readonly startedAt: number;
  readonly calls: Readonly<CallCounts> | undefined;
  /** The one that it replaces; undefined for the first. */
  readonly replaced: Token | undefined;
}

/** The tokens that came to be on every machine, and what each took. */
export class Refreshes {
  readonly #names: Names;
  readonly #complete: Token[] = [];
  #rollout: Rollout | undefined;

  constructor(names: Names) {
    this.#names = names;
  }

  /** Tokens after the first. */
  get count(): number {
    return Math.max(0, this.#complete.length - 1);
  }

  /** Whether this token has been on every machine that was up. */
  includes(tokenId: string): boolean {
    return this.#complete.some(({ id }) => id === tokenId);
  }

  /** Takes note of a token that is new in the cluster's Secret; to be called with each snapshot. */
  begin({ stored, at, calls }: Snapshot): void {
    if (!stored || stored.tokenId === this.#rollout?.tokenId) return;
    this.#rollout = { tokenId: stored.tokenId, startedAt: at, calls, replaced: this.#complete.at(-1) };
  }

  /** Tells when a token has come to be on every machine that is up, once. */
  complete(snapshot: Snapshot): News[] {
    const id = currentTokenId(snapshot);
    if (id === undefined || this.includes(id) || !isRolledOut(snapshot)) return [];
    this.#complete.push({ id, expiresAt: Date.parse(snapshot.binding?.status?.token?.expiresAt ?? '') });
    const token = this.#names.token(id);
    if (this.count === 0) return [{ text: 'every machine that is up has the first token: the calls begin' }];
    const what = `refresh ${this.count} is complete: every machine that is up has ${token}`;
    return [{ text: what }, ...(this.#rollout?.tokenId === id ? [this.#cost(this.#rollout, snapshot)] : [])];
  }

  #cost({ startedAt, calls, replaced }: Rollout, { at, calls: now }: Snapshot): News {
    const left = replaced && `${this.#names.token(replaced.id)} had ${seconds(replaced.expiresAt - at)} left`;
    const refused = now && `${now.refused - (calls?.refused ?? 0)} refused`;
    const made = now && `${total(now) - (calls ? total(calls) : 0)} calls, ${refused}`;
    return { text: [`it took ${seconds(at - startedAt)}`, left, made].filter(Boolean).join('; ') };
  }
}

const total = ({ ok, refused, failed }: Readonly<CallCounts>) => ok + refused + failed;
