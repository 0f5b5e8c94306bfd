import { NO_ATTEMPTS } from './attempts.ts';
import { type Condition, isTrue, stamp, timestamp, type Verdict } from './conditions.ts';
import { clockSkewSeconds, degraded } from './degraded.ts';
import { delivered } from './delivered.ts';
import { deliveriesDue, isDelivered, isFailureOpen, isSuspended, nextRefresh, setbacks } from './due.ts';
import { formatDuration } from './duration.ts';
import { REFRESH_REQUESTED_AT } from './names.ts';
import type { Progress } from './progress.ts';
import { quotaStatus } from './quota.ts';
import { readiness } from './readiness.ts';
import type { Attempts, TokenBindingStatus, TokenStatus } from './token-binding.generated.ts';

/** The status that a run ends with. Equal progress gives an equal status, so nothing is written in vain. */
export function statusOf(progress: Progress): TokenBindingStatus {
  const { facts, deliveries, cleanups, token } = progress;
  const handled = handledRefresh(progress);
  const attempts = issueAttempts(progress);
  const tokenStatus = token === undefined ? undefined : statusOfToken(progress, token);
  const used = progress.credentialUsed ?? facts.binding.status?.credential?.inUse;
  const skew = clockSkewSeconds(progress);
  const count = deliveries.filter((record) => isDelivered(progress, record)).length;
  return {
    observedGeneration: facts.binding.metadata.generation,
    ...(handled === undefined ? {} : { lastHandledRefreshAt: handled }),
    ...(tokenStatus === undefined ? {} : { token: tokenStatus }),
    ...(token === undefined ? {} : { nextRefreshTime: timestamp(nextRefresh(progress)) }),
    attempts,
    ...(used === undefined ? {} : { credential: { inUse: used } }),
    ...(skew === undefined ? {} : { clockSkewSeconds: skew }),
    quota: quotaStatus(progress),
    deliveriesReady: `${count}/${deliveries.length}`,
    deliveries: [...deliveries],
    cleanups: [...cleanups],
    conditions: conditions(progress),
  };
}

/** A request counts as handled once it led to an attempt, whatever came of it: retries are not its business. */
function handledRefresh(progress: Progress): string | undefined {
  const { facts, refreshed, issueFailure, token } = progress;
  const requested = facts.binding.metadata.annotations?.[REFRESH_REQUESTED_AT];
  const attempted = refreshed || issueFailure !== undefined || token?.refreshRequest === requested;
  return attempted && requested !== undefined ? requested : facts.binding.status?.lastHandledRefreshAt;
}

function issueAttempts(progress: Progress): Attempts {
  const { attempts, issueFailure, refreshed } = progress;
  if (issueFailure) return attempts;
  return !refreshed && isFailureOpen(progress) ? attempts : NO_ATTEMPTS;
}

function statusOfToken(progress: Progress, token: NonNullable<Progress['token']>): TokenStatus {
  const { refreshed, probed } = progress;
  const before = progress.facts.binding.status?.token;
  const previous = before && before.id !== token.id ? before.expiresAt : before?.previousExpiresAt;
  return {
    id: token.id,
    issuedAt: timestamp(token.issuedAt),
    expiresAt: timestamp(token.expiresAt),
    lifetime: formatDuration(token.expiresAt - token.issuedAt),
    ...(token.issuer === undefined ? {} : { issuer: token.issuer }),
    ...(token.audience === undefined ? {} : { audience: token.audience }),
    ...(token.scopes.length === 0 ? {} : { scopes: [...token.scopes] }),
    ...(previous === undefined ? {} : { previousExpiresAt: previous }),
    ...(refreshed ? probeStatus(probed) : probeBefore(before)),
  };
}

type ProbeStatus = Pick<TokenStatus, 'probe' | 'probeMessage'>;

function probeStatus(probed: Progress['probed']): ProbeStatus {
  if (!probed) return {};
  const { result: probe } = probed;
  return probed.result === 'Inconclusive' ? { probe, probeMessage: probed.message } : { probe };
}

function probeBefore({ probe, probeMessage }: ProbeStatus = {}): ProbeStatus {
  return { ...(probe && { probe }), ...(probeMessage !== undefined && { probeMessage }) };
}

function conditions(progress: Progress): Condition[] {
  const { facts } = progress;
  const previous = facts.binding.status?.conditions ?? [];
  const observedGeneration = facts.binding.metadata.generation;
  const verdicts: Verdict[] = [{ type: 'Ready', ...readiness(progress) }];
  const issued = issuedVerdict(progress, previous);
  if (issued) verdicts.push(issued);
  verdicts.push({ type: 'Delivered', ...delivered(progress) });
  const activity = activityVerdict(progress, verdicts, previous);
  if (activity) verdicts.push(activity);
  const warning = degraded(progress);
  if (warning) verdicts.push(warning);
  return verdicts.map((verdict) => stamp({ ...verdict, observedGeneration }, previous, facts.now));
}

/** `Issued`: whether the last attempt to get a token worked. */
function issuedVerdict(progress: Progress, previous: readonly Condition[]): Verdict | undefined {
  const { foreign, token, facts } = progress;
  const issueFailure = progress.issueFailure ?? progress.deferred?.failure;
  const type = 'Issued';
  if (foreign !== undefined) {
    const { name } = facts.binding.spec.secret;
    const message =
      `Secret ${name} exists and belongs to ${foreign}; it is left untouched. Delete it (kubectl delete secret ` +
      `${name} -n ${facts.binding.metadata.namespace}), or make a new binding with another spec.secret.name.`;
    return { type, status: 'False', reason: 'SecretConflict', message };
  }
  if (issueFailure)
    return { type, status: 'False', reason: issueFailure.reason, message: issueFailure.message };
  const before = previous.find((condition) => condition.type === type);
  // While suspended nothing is attempted, so that what the last attempt said stays true.
  const isOpen = isSuspended(progress)
    ? before?.status === 'False'
    : setbacks(progress).some(({ about }) => about === undefined);
  if (isOpen && before) return before;
  if (!token) return undefined;
  const message = `Token ${token.id} was issued at ${timestamp(token.issuedAt)}.`;
  return { type, status: 'True', reason: 'Issued', message };
}

/** `Stalled` or `Reconciling` (kstatus), never both; neither while all is routine. */
function activityVerdict(
  progress: Progress,
  [ready, ...rest]: readonly Verdict[],
  previous: readonly Condition[],
): Verdict | undefined {
  const failures = setbacks(progress);
  const blocking = failures.find(({ disposition }) => disposition === 'stall');
  if (blocking) {
    const { reason } = blocking;
    const source = [...rest, ready].find((verdict) => verdict?.reason === reason);
    const message = source?.message ?? `${blocking.about ?? 'The binding'}: ${reason}.`;
    return { type: 'Stalled', status: 'True', reason, message };
  }
  const isOpen = failures.length > 0 || progress.deferred !== undefined || deliveriesDue(progress).length > 0;
  if (!isOpen) return undefined;
  const { binding } = progress.facts;
  const isNew =
    isTrue(previous, 'Reconciling') ||
    binding.status?.observedGeneration !== binding.metadata.generation ||
    binding.status.lastHandledRefreshAt !== handledRefresh(progress);
  const reason = ready?.reason ?? 'Refreshing';
  return isNew ? { type: 'Reconciling', status: 'True', reason, message: ready?.message ?? '' } : undefined;
}
