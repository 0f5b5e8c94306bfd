import { DISPOSITIONS, type FailureReason } from '../failure.ts';
import { timestamp, type Verdict } from './conditions.ts';
import { deliveredCondition, hasFailed } from './delivery.ts';
import { isDeleting, isDelivered, isSuspended, setbacks } from './due.ts';
import type { Progress } from './progress.ts';
import type { DeliveryRecord } from './targets.ts';

type Judgement = Omit<Verdict, 'type'>;

/** Failures after which a delivery does not come right by itself. */
const isFinal = (reason: string) => DISPOSITIONS[reason as FailureReason] === 'stall';

/**
 * The `Ready` condition: False only when some consumer never had a token, holds an expired one, or a delivery
 * failed for good. A routine renewal or rollout keeps it True, and so does a failed one while the token lives.
 */
export function readiness(progress: Progress): Judgement {
  const { token, facts } = progress;
  if (!token) return refused('NeverIssued', `No token has been stored yet. ${blocker(progress)}`.trim());
  const expiry = timestamp(token.expiresAt);
  if (token.expiresAt <= facts.now) {
    return refused('TokenExpired', `The token expired at ${expiry}. ${blocker(progress)}`.trim());
  }
  if (isSuspended(progress)) {
    return granted('Suspended', `spec.suspend is true; the token is valid until ${expiry} and not renewed.`);
  }
  const open = isDeleting(progress)
    ? []
    : progress.deliveries.filter((record) => !isDelivered(progress, record));
  for (const record of open) {
    const broken = brokenDelivery(progress, record);
    if (broken) return broken;
  }
  const failing = open.find(hasFailed);
  if (failing) return granted('DeliveryRetrying', retried(failing));
  if (open.length > 0) {
    const names = open.map(({ name }) => name).join(', ');
    return granted('RollingOut', `The token is valid until ${expiry}; on its way to: ${names}.`);
  }
  const [failure] = setbacks(progress);
  if (failure && failure.about === undefined) {
    return granted('Refreshing', `The token is valid until ${expiry}; its renewal fails: ${failure.reason}.`);
  }
  return granted('Current', `The token is valid until ${expiry}.`);
}

/** Why consumers of an open delivery cannot work, if so. */
function brokenDelivery(progress: Progress, record: DeliveryRecord): Judgement | undefined {
  const condition = deliveredCondition(record);
  if (condition && isFinal(condition.reason)) {
    return refused('DeliveryFailed', `Delivery "${record.name}": ${condition.message}`);
  }
  const { name, heldUntil } = record;
  if (heldUntil === undefined)
    return refused('NeverIssued', `Delivery "${name}" has not received its first token yet.`);
  if (Date.parse(heldUntil) > progress.facts.now) return undefined;
  return refused('TokenExpired', `Delivery "${name}" still holds the token that expired at ${heldUntil}.`);
}

/** The way of a token that its consumers can do without for the time being. */
function retried(record: DeliveryRecord): string {
  const { name, heldUntil } = record;
  const reason = deliveredCondition(record)?.reason;
  return `Delivery "${name}" holds a token valid until ${heldUntil}; delivering the current one fails: ${reason}.`;
}

/** What keeps a token from being there, for the end of a message. */
function blocker(progress: Progress): string {
  if (isSuspended(progress)) return 'spec.suspend is true: set it to false to go on.';
  if (progress.deferred)
    return progress.deferred.failure?.message ?? 'Other bindings ask the provider first.';
  const [failure] = setbacks(progress);
  if (!failure || failure.about !== undefined) return '';
  const told = progress.facts.binding.status?.conditions?.find(({ type }) => type === 'Issued');
  const earlier = told?.reason === failure.reason ? told.message : undefined;
  return progress.issueFailure?.message ?? earlier ?? `See the condition Issued (${failure.reason}).`;
}

const granted = (reason: string, message: string): Judgement => ({ status: 'True', reason, message });
const refused = (reason: string, message: string): Judgement => ({ status: 'False', reason, message });
