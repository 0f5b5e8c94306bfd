import { isTrue } from '../src/binding/conditions.ts';
import { REFRESH_REQUESTED_AT } from '../src/binding/names.ts';
import { type Cleanup, type DeliveryRecord, retarget } from '../src/binding/targets.ts';
import type { TokenBinding } from '../src/binding/token-binding.ts';
import type { EpochMs } from '../src/clock.ts';

/** A delivery of another binding to the same app. */
interface Claim {
  readonly binding: TokenBinding;
  readonly record: DeliveryRecord;
}

/** A renewal that is due within this time, in ms, is worth waiting for: one rollout serves both. */
const IMMINENT_MS = 15_000;

/** What other bindings have to do with the app of a delivery. */
export class AppClaims {
  readonly #own: TokenBinding;
  readonly #others: readonly Claim[];
  /** Secrets that others are about to unset. */
  readonly #leaving: readonly Cleanup[];

  constructor(own: TokenBinding, all: readonly TokenBinding[]) {
    this.#own = own;
    const apps = new Set(own.spec.deliveries.map(({ fly }) => fly.app));
    const targets = all
      .filter((other) => other.metadata.uid !== own.metadata.uid && concerns(other, apps))
      .map((binding) => ({ binding, ...retarget(binding) }));
    this.#others = targets.flatMap(({ binding, deliveries }) =>
      deliveries.map((record) => ({ binding, record })),
    );
    this.#leaving = targets.flatMap(({ cleanups }) => cleanups);
  }

  /**
   * Whether another binding wrote the same secret first, and has not taken it back yet. Only a write counts as a
   * claim: it proves that the API token may write the app. The earliest goes first, then the UID.
   */
  isRival({ target, firstWriteTime, tokenId }: DeliveryRecord): boolean {
    const { app, secretName } = target;
    const isLeft = this.#leaving.some((other) => other.app === app && other.secretName === secretName);
    if (isLeft && tokenId === undefined) return true;
    const own = firstWriteTime === undefined ? undefined : Date.parse(firstWriteTime);
    return this.#others.some(({ binding, record }) => {
      if (record.target.app !== target.app || record.target.secretName !== target.secretName) return false;
      if (record.firstWriteTime === undefined) return false;
      const other = Date.parse(record.firstWriteTime);
      if (own === undefined || other !== own) return own === undefined || other < own;
      return binding.metadata.uid < this.#own.metadata.uid;
    });
  }

  /**
   * Whether another binding is about to write to the app, or has a token that is not there yet. One of another
   * namespace counts once it has written: nobody holds up a stranger's app by naming it.
   */
  isAwaited(app: string, now: EpochMs): boolean {
    return this.#others.some(({ binding, record }) => {
      const { metadata, spec, status } = binding;
      const isProven = (record.firstWriteTime ?? record.tokenId) !== undefined;
      const isKin = metadata.namespace === this.#own.metadata.namespace;
      if (record.target.app !== app || spec.suspend || !(isProven || isKin)) return false;
      if (isTrue(status?.conditions, 'Stalled')) return false;
      if ((status?.attempts?.consecutive ?? 0) > 0 || (record.attempts?.consecutive ?? 0) > 0) return false;
      return isAsked(binding) || !isWritten(binding, record) || isDue(binding, now);
    });
  }

  /** The deliveries of others to the app. */
  deliveriesTo(app: string): DeliveryRecord[] {
    return this.#others.map(({ record }) => record).filter(({ target }) => target.app === app);
  }
}

/** A person asked for a refresh that has not led to an attempt yet. */
function isAsked({ metadata, status }: TokenBinding): boolean {
  const requested = metadata.annotations?.[REFRESH_REQUESTED_AT];
  return requested !== undefined && requested !== status?.lastHandledRefreshAt;
}

/** The token is in the vault, or will not come there. */
function isWritten({ status }: TokenBinding, { tokenId, rejectedTokenId }: DeliveryRecord): boolean {
  const id = status?.token?.id;
  return id !== undefined && (tokenId === id || rejectedTokenId === id);
}

function isDue({ status }: TokenBinding, now: EpochMs): boolean {
  const dueIn = Date.parse(status?.nextRefreshTime ?? '') - now;
  return dueIn <= IMMINENT_MS && dueIn > -IMMINENT_MS;
}

function concerns({ spec, status }: TokenBinding, apps: ReadonlySet<string>): boolean {
  const recorded = [...(status?.deliveries ?? []).map(({ target }) => target), ...(status?.cleanups ?? [])];
  return [...spec.deliveries.map(({ fly }) => fly), ...recorded].some(({ app }) => apps.has(app));
}
