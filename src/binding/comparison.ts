import type { EpochMs } from '../clock.ts';
import { type DeliveryFailureReason, DISPOSITIONS, type Failure, type FailureReason } from '../failure.ts';
import { conditionOf, isContested, withCondition, withoutCondition } from './delivery.ts';
import { isActive, isDelivered, rests } from './due.ts';
import { parseDuration } from './duration.ts';
import type { Progress } from './progress.ts';
import { type DeliveryRecord, strategyOf } from './targets.ts';
import type { TokenBinding } from './token-binding.ts';

/** Whether there is something to compare the delivery's app with now, and nothing else under way there. */
export function isComparable(progress: Progress, record: DeliveryRecord): boolean {
  const { facts, token, waiting } = progress;
  if (!isActive(progress) || !token || token.expiresAt <= facts.now) return false;
  if (record.name in waiting || rests(progress, record)) return false;
  return isDelivered(progress, record) || (isContested(record) && record.tokenId === token.id);
}

/** How often the secret of a delivery is compared with what was written, in ms. */
export function secretInterval({ spec }: TokenBinding, { name }: DeliveryRecord): number {
  return parseDuration(spec.deliveries.find((delivery) => delivery.name === name)?.fly.driftCheckInterval);
}

/** With Reload a process that starts anew has only the environment of its last update: its file is gone. */
const RELOAD_INTERVAL_MS = 30_000;

/** How often the machines of a delivery are looked at, in ms; less often while only a person can mend the way there. */
export function machinesInterval(binding: TokenBinding, record: DeliveryRecord): number {
  const interval = secretInterval(binding, record);
  const reason = uncheckedCondition(record)?.reason as FailureReason | undefined;
  const isBarred = isContested(record) || (reason !== undefined && DISPOSITIONS[reason] === 'stall');
  if (strategyOf(binding, record.name) !== 'Reload' || isBarred) return interval;
  return Math.min(interval, RELOAD_INTERVAL_MS);
}

/** `Unchecked`: why the app cannot be compared with what was delivered, since `lastTransitionTime`. */
export const uncheckedCondition = (record: DeliveryRecord) => conditionOf(record, 'Unchecked');

/** The app could not be asked. As long as the reason is the same, so is all that is told of it. */
export function unchecked(
  record: DeliveryRecord,
  { reason, message }: Failure<DeliveryFailureReason>,
  at: EpochMs,
): DeliveryRecord {
  if (uncheckedCondition(record)?.reason === reason) return record;
  return withCondition(record, { type: 'Unchecked', status: 'True', reason, message }, at);
}

/** The app has answered. */
export function checked(record: DeliveryRecord): DeliveryRecord {
  return uncheckedCondition(record) ? withoutCondition(record, 'Unchecked') : record;
}
