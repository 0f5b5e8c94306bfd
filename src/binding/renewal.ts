import type { Attempts } from './attempts.ts';
import { parseDuration } from './duration.ts';
import type { Progress } from './progress.ts';
import { isQuotaLow } from './quota.ts';
import { type RefreshPolicy, urgentTime } from './schedule.ts';

/** What the spec, the rollouts seen and the provider's quota make of the renewal. */
export function refreshPolicy(progress: Progress): RefreshPolicy {
  const { atLifetimePercent, jitterPercent, minRemaining } = progress.facts.binding.spec.refresh;
  const rollouts = progress.deliveries.map((record) => parseDuration(record.lastRolloutDuration));
  return {
    ...{ atLifetimePercent, jitterPercent },
    minRemaining: minRemaining === undefined ? undefined : parseDuration(minRemaining),
    slowestDelivery: Math.max(0, ...rollouts),
    isQuotaLow: isQuotaLow(progress),
  };
}

/** Whether consumers hold nothing, an expired token, or one so near its end that its renewal goes before others. */
export function isUrgent(progress: Progress): boolean {
  const { token, facts } = progress;
  return token === undefined || facts.now >= urgentTime(token, refreshPolicy(progress));
}

/** Whether nothing will be asked for before the token in use has expired. */
export function isTooLate(progress: Progress, { nextTime }: Attempts): boolean {
  const { token, facts } = progress;
  if (!token || token.expiresAt <= facts.now || nextTime === undefined) return false;
  return Date.parse(nextTime) >= token.expiresAt;
}
