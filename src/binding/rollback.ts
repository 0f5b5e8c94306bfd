import { holds } from './delivery.ts';
import type { Progress } from './progress.ts';
import { refreshPolicy } from './renewal.ts';
import { type Lifetime, urgentTime } from './schedule.ts';
import type { StoredToken } from './stored-token.ts';
import { type DeliveryRecord, rolloutOf } from './targets.ts';

/** Whether the current token was refused by a machine of the delivery. */
export const isRejected = ({ token }: Progress, { rejectedTokenId }: DeliveryRecord) =>
  token !== undefined && rejectedTokenId === token.id;

/** The token that a delivery is to hold: the current one, or the one before where that was refused. */
export function wantedToken(progress: Progress, record: DeliveryRecord): StoredToken | undefined {
  return isRejected(progress, record) ? livePrevious(progress) : progress.token;
}

/** The previous token, while it is kept and valid. */
export function livePrevious({ previous, facts }: Progress): StoredToken | undefined {
  return previous && previous.expiresAt > facts.now ? previous : undefined;
}

/** Longest name of an object (RFC 1123 subdomain) without the suffix. */
const LONGEST_STEM = 253 - '-previous'.length;

/** The Secret in which the token before the current one is kept, by the name of the one with the current. */
export function previousSecretName(secretName: string): string {
  return `${secretName.slice(0, LONGEST_STEM)}-previous`;
}

/** Whether the delivery gives the first machine the previous token back when the new one does not work there. */
export function rollsBack({ facts }: Progress, { name }: DeliveryRecord): boolean {
  const rollout = rolloutOf(facts.binding, name);
  return (
    rollout?.onFailure === 'Rollback' && (rollout.strategy === 'Rolling' || rollout.strategy === 'Reload')
  );
}

/** Whether the current token has to be kept before another replaces it: some delivery may have to go back to it. */
export function isWorthKeeping(progress: Progress): boolean {
  const { token, previous, facts, deliveries, keepFailed } = progress;
  if (!token || keepFailed || token.expiresAt <= facts.now || previous?.id === token.id) return false;
  const stillUsed = livePrevious(progress) && deliveries.some(({ tokenId }) => tokenId === previous?.id);
  return !stillUsed && deliveries.some((record) => holds(record, token.id) && rollsBack(progress, record));
}

/**
 * When another token is to be tried where the current one did not arrive: half way to the urgent zone of the token
 * that is still in use. Undefined when none is: a second refusal is for a person.
 */
export function retrialTime(progress: Progress): number | undefined {
  const { token, deliveries } = progress;
  if (!token) return undefined;
  const times = deliveries.flatMap((record) => {
    const returnedTo = refusedInFavourOf(progress, record);
    const inUse = returnedTo ?? strandedOn(progress, record);
    if (!inUse) return [];
    const left = Math.max(0, urgentTime(inUse, refreshPolicy(progress)) - token.issuedAt);
    return returnedTo || left >= 2 * LEAST_RETRIAL_MS ? [token.issuedAt + left / 2] : [];
  });
  return times.length === 0 ? undefined : Math.min(...times);
}

/** The token that a delivery went back to, when it was the first time. */
function refusedInFavourOf(progress: Progress, record: DeliveryRecord): Lifetime | undefined {
  return isRejected(progress, record) && (record.rejections ?? 0) < 2 ? livePrevious(progress) : undefined;
}

/** Nothing is tried sooner after a token that failed: the halves would become ever shorter. */
const LEAST_RETRIAL_MS = 60_000;

/** Whether no machine but the ones at which it failed lacks what was written last. */
function isEverywhere({ machines }: DeliveryRecord): boolean {
  return machines !== undefined && machines.current + machines.failed + machines.skipped >= machines.total;
}

/**
 * The token that machines hold, others than the one at which the rollout failed, so that nothing will replace it: a
 * platform that gave an update up, or one machine that keeps the others waiting, may well take the next. Each token
 * that a machine refuses costs a machine, where there is no way back: two are enough.
 */
function strandedOn({ token, facts }: Progress, record: DeliveryRecord): Lifetime | undefined {
  const isStranded =
    record.attempts?.lastFailureReason === 'RolloutFailed' &&
    record.tokenId === token?.id &&
    !isEverywhere(record) &&
    (record.rejections ?? 0) < 2;
  const expiresAt = Date.parse(record.heldUntil ?? '');
  if (!token || !isStranded || holds(record, token.id) || !(expiresAt > facts.now)) return undefined;
  return { issuedAt: expiresAt - (token.expiresAt - token.issuedAt), expiresAt };
}
