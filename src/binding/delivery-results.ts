import type { EpochMs } from '../clock.ts';
import { type DeliveryFailureReason, type Failure, failure } from '../failure.ts';
import { afterFailure } from './attempts.ts';
import { timestamp } from './conditions.ts';
import {
  failed,
  hasGrown,
  type MachineCounts,
  type RolloutProgress,
  rejected,
  rolled,
  rolledBack,
  served,
  timedOut,
  undrifted,
} from './delivery.ts';
import {
  goingBack,
  outlook,
  overtime,
  stranded,
  tooLong,
  unwellEitherWay,
  wentBack,
} from './delivery-message.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { deliveryInHand, flyCircumstances, type Progress } from './progress.ts';
import { isRejected, livePrevious, rollsBack } from './rollback.ts';
import type { StepResult } from './step-result.ts';
import { type Cleanup, type DeliveryRecord, isOurs, rolloutOf } from './targets.ts';

type Result<T extends StepResult['type']> = Extract<StepResult, { type: T }>;

/** Failures that tell for sure that the remote secret is as it was. */
const NOTHING_WRITTEN: ReadonlySet<string> = new Set([
  'CredentialsMissing',
  'Unauthorized',
  'AppNotFound',
  'RequestRefused',
]);

/** The run with its delivery in hand changed. */
export function changeDelivery(run: Progress, change: (record: DeliveryRecord) => DeliveryRecord): Progress {
  const deliveries = run.deliveries.map((record) => (record.name === run.subject ? change(record) : record));
  return { ...run, deliveries };
}

/** A rollout, of the token or back to the one before, came further. */
export function rolloutAdvanced(run: Progress, { progress, at }: Result<'rolled'>): Progress {
  const name = run.subject ?? '';
  const before = deliveryInHand(run);
  if (before && isRejected(run, before)) return rollbackAdvanced(run, before, progress, at);
  const isLate = before !== undefined && isOverdue(run, before, progress, at);
  if (isLate && !hasGrown(before, progress.machines)) return overdue(run, before, progress, at);
  const isFirst = before?.rolloutStartedAt === undefined;
  const note = isLate ? overtime(limitOf(run, before), progress.note) : progress.note;
  const changed = changeDelivery(run, (record) => {
    const next = rolled(record, { ...progress, note }, at);
    if (!progress.done) return next;
    const measured = isWhole(run, record) ? next : { ...next, ...durationOf(record) };
    return undrifted(served(measured, run.token?.expiresAt ?? at));
  });
  return {
    ...waitingFor(changed, progress),
    rolloutsStarted: isFirst ? [...run.rolloutsStarted, name] : run.rolloutsStarted,
    rolloutsFinished: progress.done ? [...run.rolloutsFinished, name] : run.rolloutsFinished,
  };
}

/** Whether a rollout brought the token to machines that had none of it: only such a one says how long that takes. */
function isWhole({ token }: Progress, { rolloutStartedAt, heldUntil }: DeliveryRecord): boolean {
  const isRepair = token !== undefined && heldUntil === timestamp(token.expiresAt);
  return rolloutStartedAt !== undefined && !isRepair;
}

const durationOf = ({ lastRolloutDuration }: DeliveryRecord) =>
  lastRolloutDuration === undefined ? {} : { lastRolloutDuration };

/** A machine that refused the token is on its way back to the one before. */
function rollbackAdvanced(
  run: Progress,
  record: DeliveryRecord,
  progress: RolloutProgress,
  at: EpochMs,
): Progress {
  if (isOverdue(run, record, progress, at)) return overdue(run, record, progress, at);
  if (!progress.done) return waitingFor(run, { retryAt: at, ...progress });
  const changed = changeDelivery(run, (before) => rolledBack(before, wentBack(run, before), at));
  return { ...changed, recorded: false, rollbacksFinished: [...run.rollbacksFinished, record.name] };
}

function waitingFor(run: Progress, { retryAt }: Pick<RolloutProgress, 'retryAt'>): Progress {
  return retryAt === undefined ? run : { ...run, waiting: { ...run.waiting, [run.subject ?? '']: retryAt } };
}

/** Half an hour, where the spec names no rollout.timeout. */
const DEFAULT_LIMIT_MS = 30 * 60_000;

function limitOf({ facts }: Progress, { name }: DeliveryRecord): string {
  return rolloutOf(facts.binding, name)?.timeout ?? formatDuration(DEFAULT_LIMIT_MS);
}

function isOverdue(run: Progress, record: DeliveryRecord, progress: RolloutProgress, at: EpochMs): boolean {
  const limit = parseDuration(limitOf(run, record));
  return !progress.done && at - Date.parse(record.rolloutStartedAt ?? '') > limit;
}

function overdue(run: Progress, record: DeliveryRecord, progress: RolloutProgress, at: EpochMs): Progress {
  const message = tooLong(record, limitOf(run, record), progress.note);
  const slow = changeDelivery(run, (before) => timedOut(before, at));
  return fail(slow, failure('RolloutFailed', message), at, progress.machines);
}

/** A step of a delivery failed. */
export function deliveryFailed(run: Progress, result: Result<'deliveryFailed'>): Progress {
  const { failure: told, at, machines } = result;
  const record = deliveryInHand(run);
  const isRollback = record?.rollbackMachine !== undefined && isRejected(run, record);
  if (!isRollback || told.reason !== 'RolloutFailed') return fail(run, told, at, machines);
  return fail(run, { ...told, message: unwellEitherWay(record, told) }, at);
}

function fail(
  run: Progress,
  told: Failure<DeliveryFailureReason>,
  at: EpochMs,
  machines?: MachineCounts,
): Progress {
  const changed = changeDelivery(run, (record) => {
    const wrote = { ...record, claimed: isOurs(record) && !NOTHING_WRITTEN.has(told.reason) };
    const before = record.tokenId === undefined ? wrote : record;
    const { attempts: _overcome, ...afresh } = record;
    const attempts = setback(run, machines && hasGrown(record, machines) ? afresh : record, told, at);
    const message = outlook(run, record, told, attempts);
    const next = failed(before, { ...told, message }, attempts, at);
    return machines && !isRejected(run, record) ? { ...next, machines: { ...machines } } : next;
  });
  return { ...changed, deliveryFailures: { ...run.deliveryFailures, [run.subject ?? '']: told } };
}

/** The first machine did not get well with the token: it gets the one before back, where that is possible. */
export function tokenRejected(run: Progress, result: Result<'tokenRejected'>): Progress {
  const { failure: told, machineId, machines, at } = result;
  const record = deliveryInHand(run);
  if (record && isRejected(run, record)) return deliveryFailed(run, { ...result, type: 'deliveryFailed' });
  if (!record || !livePrevious(run) || !rollsBack(run, record)) {
    const message = record ? stranded(run, record, told) : told.message;
    const counted = changeDelivery(run, (before) => ({
      ...before,
      rejections: (before.rejections ?? 0) + 1,
    }));
    return fail(counted, { ...told, message }, at, machines);
  }
  const refusal = { tokenId: run.token?.id ?? '', machineId, evidence: told.message };
  const changed = changeDelivery(run, (before) => ({
    ...rejected(before, { ...refusal, message: goingBack(run, told) }, at),
    machines: { ...machines },
  }));
  return { ...changed, recorded: false };
}

/** The attempts at a delivery or cleanup after one more failure. */
export function setback(run: Progress, record: DeliveryRecord | Cleanup, told: Failure, at: EpochMs) {
  const { name } = 'target' in record ? record.target.apiTokenRef : record.apiTokenRef;
  const expiresAt = Date.parse(run.facts.binding.status?.token?.previousExpiresAt ?? '');
  return afterFailure(record.attempts, told, flyCircumstances(run, name), {
    at,
    random: run.facts.random,
    expiresAt: expiresAt > at ? expiresAt : undefined,
  });
}
