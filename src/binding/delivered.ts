import type { FailureReason } from '../failure.ts';
import type { Verdict } from './conditions.ts';
import { deliveredCondition, hasFailed } from './delivery.ts';
import { isDeleting, isDelivered } from './due.ts';
import { SKIP_CLEANUP } from './names.ts';
import type { Progress } from './progress.ts';
import type { Cleanup, DeliveryRecord } from './targets.ts';
import type { ObjectMeta } from './token-binding.ts';

type Judgement = Omit<Verdict, 'type'>;

/** The `Delivered` condition of the binding: the worst of its deliveries, cleanups included. */
export function delivered(progress: Progress): Judgement {
  const stuck = progress.cleanups.find(({ attempts }) => (attempts?.consecutive ?? 0) > 0);
  if (stuck) return uncleaned(stuck, progress.facts.binding.metadata);
  if (progress.deliveries.length === 0 || isDeleting(progress)) {
    return { status: 'True', reason: 'NoDeliveries', message: 'spec.deliveries is empty.' };
  }
  const open = progress.deliveries.filter((record) => !isDelivered(progress, record));
  const [worst] = open.sort((a, b) => rank(a) - rank(b));
  if (!worst) {
    const count = progress.deliveries.length;
    const message = `The current token is in all places (${count} of ${count} deliveries).`;
    return { status: 'True', reason: 'Delivered', message };
  }
  const condition = deliveredCondition(worst);
  const isStale = condition === undefined || condition.status === 'True';
  return {
    status: 'False',
    reason: isStale ? 'Writing' : condition.reason,
    message: `Delivery "${worst.name}": ${isStale ? 'the current token is not written yet.' : condition.message}`,
  };
}

/** Failures first, then what is under way. */
const rank = (record: DeliveryRecord) => (hasFailed(record) ? 0 : 1);

function uncleaned(
  { app, secretName, apiTokenRef, attempts }: Cleanup,
  { name, namespace }: ObjectMeta,
): Judgement {
  const reason = (attempts?.lastFailureReason ?? 'PlatformUnavailable') as FailureReason;
  const message =
    `Cannot unset ${secretName} of the Fly app ${app} (${reason}; API token: Secret ${apiTokenRef.name}, ` +
    `key ${apiTokenRef.key}). Next attempt ${attempts?.nextTime}. Restore access, or give the secret up: ` +
    `kubectl annotate tb ${name} -n ${namespace} ${SKIP_CLEANUP}=true`;
  return { status: 'False', reason, message };
}
