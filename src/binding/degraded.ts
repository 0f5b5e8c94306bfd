import { DISPOSITIONS, type FailureReason } from '../failure.ts';
import { uncheckedCondition } from './comparison.ts';
import type { Verdict } from './conditions.ts';
import { timestamp } from './conditions.ts';
import { isActive, isDelivered, issueReason, nextRefresh } from './due.ts';
import { formatDuration } from './duration.ts';
import type { Progress } from './progress.ts';
import { isQuotaLow } from './quota.ts';
import { isTooLate, isUrgent, refreshPolicy } from './renewal.ts';
import { leadOf } from './schedule.ts';
import type { DeliveryRecord } from './targets.ts';

/** Reasons of `Degraded`: it works, but look here. */
export type DegradedReason =
  | 'OverlapAtRisk'
  | 'DeliveryUnchecked'
  | 'ClockSkewed'
  | 'FallbackCredentialUsed'
  | 'QuotaLow'
  | 'ProbeInconclusive'
  | 'LifetimeTooShort';

/** A clock that differs by more than this, in ms, is told: assertions and `nbf` are refused before long. */
const SKEW_LIMIT_MS = 30_000;

type Judge = (progress: Progress) => string | undefined;

/** Each tells what is wrong and what to do, or nothing. The most pressing first. */
const JUDGES: Readonly<Record<DegradedReason, Judge>> = {
  OverlapAtRisk: overlapAtRisk,
  DeliveryUnchecked: deliveryUnchecked,
  ClockSkewed: clockSkewed,
  FallbackCredentialUsed: fallbackUsed,
  QuotaLow: quotaLow,
  ProbeInconclusive: probeInconclusive,
  LifetimeTooShort: lifetimeTooShort,
};

/** The `Degraded` condition: the most pressing reason, all of them in the message; undefined when there is none. */
export function degraded(progress: Progress): Verdict | undefined {
  const found = Object.entries(JUDGES).flatMap(([reason, judge]) => {
    const text = judge(progress);
    return text === undefined ? [] : [{ reason, text }];
  });
  const [first, ...rest] = found;
  if (!first) return undefined;
  const message = [first.text, ...rest.map(({ reason, text }) => `${reason}: ${text}`)].join(' ');
  return { type: 'Degraded', status: 'True', reason: first.reason, message };
}

function overlapAtRisk(progress: Progress): string | undefined {
  const { token, attempts } = progress;
  const late = lateDelivery(progress);
  if (late)
    return `Delivery "${late.name}" does not have the new token yet, and what it holds expires at ${late.heldUntil}.`;
  const isOpen = isActive(progress) && !progress.refreshed && issueReason(progress) !== undefined;
  if (!token || !isOpen || token.expiresAt <= progress.facts.now) return undefined;
  const expiry = timestamp(token.expiresAt);
  if (attempts.consecutive > 0 && isTooLate(progress, attempts))
    return `The provider will not be asked again before ${attempts.nextTime}, but the token expires at ${expiry}.`;
  if (!isUrgent(progress)) return undefined;
  return `The token expires at ${expiry}, and less than a quarter of the time kept for its renewal is left.`;
}

/** A delivery whose consumers hold a token that is in its own urgent zone. */
function lateDelivery(progress: Progress): DeliveryRecord | undefined {
  const { token, facts } = progress;
  if (!token || !isActive(progress)) return undefined;
  const margin = leadOf(token, refreshPolicy(progress)).ms / 4;
  return progress.deliveries.find((record) => {
    const heldUntil = Date.parse(record.heldUntil ?? '');
    const isLate = heldUntil > facts.now && heldUntil - facts.now < margin;
    return isLate && !isDelivered(progress, record);
  });
}

function deliveryUnchecked(progress: Progress): string | undefined {
  const { token, facts } = progress;
  if (!token || token.expiresAt <= facts.now || !isActive(progress)) return undefined;
  const told = progress.deliveries.flatMap((record) => {
    const condition = uncheckedCondition(record);
    if (!condition || !isDelivered(progress, record)) return [];
    const { lastTransitionTime: since, message, reason } = condition;
    const isPassing = DISPOSITIONS[reason as FailureReason] === 'retry';
    return (
      `Delivery "${record.name}" could not be compared with its app since ${since}: ${message} Machines hold the ` +
      `token valid until ${record.heldUntil}; the renewal at ${timestamp(nextRefresh(progress))} will fail ` +
      (isPassing ? 'if this lasts.' : 'unless this is mended.')
    );
  });
  return told.length === 0 ? undefined : told.join(' ');
}

function clockSkewed({ report, facts }: Progress): string | undefined {
  const before = facts.binding.status?.clockSkewSeconds;
  const skewMs = report?.skewMs ?? (before === undefined ? undefined : before * 1000);
  if (skewMs === undefined || Math.abs(skewMs) <= SKEW_LIMIT_MS) return undefined;
  const side = skewMs > 0 ? 'behind' : 'ahead of';
  return (
    `The clock here is ${formatDuration(Math.abs(skewMs))} ${side} the clock of the provider; ` +
    'let both follow NTP: times of tokens and assertions are judged by them.'
  );
}

function fallbackUsed({ credentialUsed, facts }: Progress): string | undefined {
  const used = credentialUsed ?? facts.binding.status?.credential?.inUse;
  if (used !== 'Next') return undefined;
  return (
    'The provider accepts the next credential only; finish its rotation: write it under the key of the ' +
    'current one and remove the next one.'
  );
}

function quotaLow(progress: Progress): string | undefined {
  if (!isQuotaLow(progress)) return undefined;
  return (
    `The provider's quota of tokens is nearly used up; tokens are renewed as late as is safe. About ` +
    `${progress.facts.forecast} tokens per 30 days are needed: let tokens live longer, or raise the quota.`
  );
}

function probeInconclusive({ probed, refreshed, facts }: Progress): string | undefined {
  const told = probed?.result === 'Inconclusive' ? probed.message : undefined;
  const message = refreshed ? told : facts.binding.status?.token?.probeMessage;
  if (message === undefined || facts.binding.spec.verify?.probe === undefined) return undefined;
  return `${message} The token was handed on all the same.`;
}

function lifetimeTooShort(progress: Progress): string | undefined {
  const { token } = progress;
  if (!token) return undefined;
  const policy = refreshPolicy(progress);
  const { ms, isCut } = leadOf(token, policy);
  if (!isCut) return undefined;
  const asked = policy.minRemaining === undefined ? 'the 10 minutes' : formatDuration(policy.minRemaining);
  const rollout = formatDuration(policy.slowestDelivery * 1.5 + 2 * 60_000);
  return (
    `Tokens live ${formatDuration(token.expiresAt - token.issuedAt)}, too short to keep ${asked} of ` +
    `spec.refresh.minRemaining (${rollout} for the slowest delivery seen) for the renewal; ${formatDuration(ms)} ` +
    'are kept. Let the provider issue longer tokens, or lower minRemaining.'
  );
}

/** What status remembers of the clocks: the last difference told, whole seconds; undefined while it is small. */
export function clockSkewSeconds({ report, facts }: Progress): number | undefined {
  const before = facts.binding.status?.clockSkewSeconds;
  if (report?.skewMs === undefined) return before;
  return Math.abs(report.skewMs) > SKEW_LIMIT_MS ? Math.round(report.skewMs / 1000) : undefined;
}
