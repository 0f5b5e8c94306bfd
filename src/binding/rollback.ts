import { holds } from './delivery.ts';
import type { Progress } from './progress.ts';
import { refreshPolicy } from './renewal.ts';
import { urgentTime } from './schedule.ts';
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
 * When another token is to be tried where one was refused: half way to the urgent zone of the token that is still
 * in use. Undefined when there is none to be tried: a second refusal is for a person.
 */
export function retrialTime(progress: Progress): number | undefined {
  const { token, deliveries } = progress;
  const previous = livePrevious(progress);
  const isFirst = (record: DeliveryRecord) => isRejected(progress, record) && (record.rejections ?? 0) < 2;
  if (!token || !previous || !deliveries.some(isFirst)) return undefined;
  const urgent = urgentTime(previous, refreshPolicy(progress));
  return token.issuedAt + Math.max(0, urgent - token.issuedAt) / 2;
}
