import type { EpochMs } from '../clock.ts';
import type { DeliveryFailureReason, Failure } from '../failure.ts';
import { type Attempts, NO_ATTEMPTS } from './attempts.ts';
import { type Condition, isTrue, stamp, timestamp, type Verdict } from './conditions.ts';
import { formatDuration } from './duration.ts';
import type { DeliveryRecord } from './targets.ts';

/** Machines of an app, counted by what a rollout made of them. */
export interface MachineCounts {
  readonly total: number;
  readonly current: number;
  readonly skipped: number;
  readonly failed: number;
}

/** What our own write of a remote secret returned; it cannot be asked for later. */
export interface SecretWrite {
  readonly secretsVersion: number;
  readonly digest: string;
}

/** How far a rollout got in one step. */
export interface RolloutProgress {
  readonly machines: MachineCounts;
  readonly done: boolean;
  /** Earliest next look, epoch ms; only while not done. */
  readonly retryAt?: EpochMs | undefined;
  /** What it waits for, when that is more than a start. */
  readonly note?: string | undefined;
}

/** The token now stands in the app's vault; no machine has it yet. */
export function written(
  record: DeliveryRecord,
  tokenId: string,
  write: SecretWrite,
  at: EpochMs,
): DeliveryRecord {
  const { rolloutStartedAt: _before, machines: _counted, ...rest } = record;
  return judged(
    { ...rest, tokenId, ...write, attempts: NO_ATTEMPTS },
    { status: 'False', reason: 'Writing', message: 'The secret is written; its rollout has not started.' },
    at,
  );
}

/** Written, and nothing else was asked for (strategy Stage). */
export function staged(record: DeliveryRecord, at: EpochMs): DeliveryRecord {
  const message = 'The secret is written; machines get it with their next update (strategy Stage).';
  return judged(record, { status: 'True', reason: 'Delivered', message }, at);
}

/** One more step of the rollout was taken at `at`. */
export function rolled(record: DeliveryRecord, progress: RolloutProgress, at: EpochMs): DeliveryRecord {
  const { total, current, skipped } = progress.machines;
  const startedAt = record.rolloutStartedAt ?? timestamp(at);
  const next = { ...record, machines: { ...progress.machines }, rolloutStartedAt: startedAt };
  if (!progress.done) {
    const count = `${current} of ${total - skipped} machines have the current token.`;
    const message = progress.note === undefined ? count : `${count} ${progress.note}`;
    return judged(next, { status: 'False', reason: 'RollingOut', message }, at);
  }
  const { rolloutStartedAt: _over, ...rest } = next;
  const message = `All ${total - skipped} machines have the current token.`;
  return judged(
    { ...rest, lastRolloutDuration: formatDuration(at - Date.parse(startedAt)), attempts: NO_ATTEMPTS },
    { status: 'True', reason: 'Delivered', message },
    at,
  );
}

/** A step failed; `attempts` says when to try again. */
export function failed(
  record: DeliveryRecord,
  failure: Failure<DeliveryFailureReason>,
  attempts: Attempts,
  at: EpochMs,
): DeliveryRecord {
  const { reason, message } = failure;
  return judged({ ...record, attempts }, { status: 'False', reason, message }, at);
}

/** The token that just arrived expires at `expiresAt`: until then consumers are served, whatever comes next. */
export function served(record: DeliveryRecord, expiresAt: EpochMs): DeliveryRecord {
  return { ...record, heldUntil: timestamp(expiresAt) };
}

/** Whether consumers of this delivery hold the token of that id. */
export function holds(record: DeliveryRecord, tokenId: string): boolean {
  return record.tokenId === tokenId && isTrue(record.conditions, 'Delivered');
}

/** The `Delivered` condition of one delivery. */
export function deliveredCondition(record: DeliveryRecord): Condition | undefined {
  return record.conditions?.find((condition) => condition.type === 'Delivered');
}

function judged(record: DeliveryRecord, verdict: Omit<Verdict, 'type'>, at: EpochMs): DeliveryRecord {
  const previous = record.conditions ?? [];
  return { ...record, conditions: [stamp({ type: 'Delivered', ...verdict }, previous, at)] };
}
