import type { EpochMs } from '../clock.ts';
import { isComparable, machinesInterval } from './comparison.ts';
import {
  awaitsOthers,
  deliveriesDue,
  isActive,
  isDeleting,
  isDelivered,
  nextRefresh,
  rests,
  setbacks,
} from './due.ts';
import type { Progress } from './progress.ts';
import { refreshPolicy } from './renewal.ts';
import { retrialTime } from './rollback.ts';
import { urgentTime } from './schedule.ts';
import type { TokenBindingStatus } from './token-binding.generated.ts';

/** How often a Secret that is not ours is looked at again: nothing tells us when it goes. */
const CONFLICT_PROBE_MS = 60_000;

/**
 * When the binding has to be looked at again, whatever else happens: the earliest of refresh, retries, rollouts
 * at rest and the expiry that would change `Ready`. Undefined: only a change wakes it.
 */
export function wakeTime(progress: Progress, status: TokenBindingStatus): EpochMs | undefined {
  const { facts, token } = progress;
  const times: number[] = Object.values(progress.waiting);
  const failures = setbacks(progress);
  const issueFails = failures.some(({ about }) => about === undefined);
  if (progress.foreign !== undefined) times.push(facts.now + CONFLICT_PROBE_MS);
  else if (progress.deferred) times.push(progress.deferred.until);
  else if (issueFails && status.attempts?.nextTime) times.push(Date.parse(status.attempts.nextTime));
  else if (isActive(progress) && token) times.push(nextRefresh(progress));
  for (const record of [...progress.deliveries, ...progress.cleanups]) {
    const isOpen = !('target' in record) || !isDelivered(progress, record);
    if ('target' in record && isOpen) times.push(...after(facts.now, record.heldUntil));
    if (isOpen && rests(progress, record) && record.attempts?.nextTime)
      times.push(Date.parse(record.attempts.nextTime));
  }
  times.push(...driftTimes(progress));
  if (!isDeleting(progress)) {
    // By the token itself: the status has whole seconds, and a look a moment too early would be the last.
    if (token && token.expiresAt > facts.now) times.push(token.expiresAt);
    times.push(...after(facts.now, status.token?.previousExpiresAt));
    if (token && isActive(progress))
      times.push(...future(facts.now, urgentTime(token, refreshPolicy(progress))));
  }
  return times.length === 0 ? undefined : Math.min(...times);
}

/** How soon to look whether another binding has written to the same app, in ms. */
const AWAIT_MS = 1_000;

/** When deliveries are to be looked at for the sake of others: who write the same app, its secret or its machines. */
function driftTimes(progress: Progress): EpochMs[] {
  const { facts, driftChecked } = progress;
  if (!isActive(progress)) return [];
  const retrial = retrialTime(progress);
  // One that is past is due: what keeps it waiting has a time of its own.
  const times = retrial === undefined ? [] : future(facts.now, retrial);
  if (deliveriesDue(progress).some((record) => awaitsOthers(progress, record)))
    times.push(facts.now + AWAIT_MS);
  for (const record of progress.deliveries.filter((candidate) => isComparable(progress, candidate))) {
    const isChecked = driftChecked.includes(record.name);
    const interval = machinesInterval(facts.binding, record);
    const due = isChecked ? facts.now + interval : facts.driftDueAt[record.name];
    if (due !== undefined) times.push(Math.max(due, facts.now + AWAIT_MS));
  }
  return times;
}

const future = (now: EpochMs, at: EpochMs) => (at > now ? [at] : []);

/** The time, when it is one and still to come. */
function after(now: EpochMs, text: string | undefined): EpochMs[] {
  return future(now, Date.parse(text ?? ''));
}
