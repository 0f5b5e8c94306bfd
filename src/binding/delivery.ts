import type { EpochMs } from '../clock.ts';
import { type DeliveryFailureReason, DISPOSITIONS, type Failure } from '../failure.ts';
import { type Attempts, NO_ATTEMPTS } from './attempts.ts';
import { type Condition, isTrue, stamp, timestamp, type Verdict } from './conditions.ts';
import { formatDuration, parseDuration } from './duration.ts';
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
  /** Some machine runs well with the token, or did. */
  readonly proven?: boolean | undefined;
  /** Every machine had it before this step, well or not. */
  readonly complete?: boolean | undefined;
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
  const { rolloutStartedAt: _before, machines: _counted, ...rest } = unrejected(record);
  const firstWriteTime = record.firstWriteTime ?? timestamp(at);
  return judged(
    { ...rest, tokenId, ...write, firstWriteTime, attempts: NO_ATTEMPTS },
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
  const counted = { ...record, machines: { ...progress.machines }, rolloutStartedAt: startedAt };
  // What went wrong before did not keep machines from the token.
  const overcome = hasGrown(record, progress.machines) ? { attempts: NO_ATTEMPTS } : {};
  const next = withProof({ ...counted, ...overcome }, progress);
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

function withProof(record: DeliveryRecord, { proven, done }: RolloutProgress): DeliveryRecord {
  const { tokenId } = record;
  return (proven || done) && tokenId !== undefined ? { ...record, provenTokenId: tokenId } : record;
}

/** Whether machines were seen to run well with the token that the delivery now has. */
export function isProven(record: DeliveryRecord): boolean {
  const { tokenId, provenTokenId } = record;
  return tokenId !== undefined && (provenTokenId === tokenId || holds(record, tokenId));
}

/** Whether more machines have the token than when it was looked at last. */
export function hasGrown({ machines }: DeliveryRecord, { current }: Pick<MachineCounts, 'current'>): boolean {
  return current > (machines?.current ?? 0);
}

/** A rollout has taken longer than it may: what the next token is renewed earlier for. */
export function timedOut(record: DeliveryRecord, at: EpochMs): DeliveryRecord {
  const taken = at - Date.parse(record.rolloutStartedAt ?? '');
  const longest = Math.max(taken, parseDuration(record.lastRolloutDuration));
  return Number.isNaN(longest) ? record : { ...record, lastRolloutDuration: formatDuration(longest) };
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
  const { rejectedTokenId: _id, rejections: _count, ...rest } = unrejected(record);
  return { ...rest, heldUntil: timestamp(expiresAt) };
}

/** `Rejected`: what was seen of the machine that refused the token last. */
export const rejection = (record: DeliveryRecord) => conditionOf(record, 'Rejected');

function unrejected(record: DeliveryRecord): DeliveryRecord {
  const { rollbackMachine: _overtaken, ...rest } = record;
  return withoutCondition(rest, 'Rejected');
}

/** The first machine did not become healthy with the token: it is to get the previous one back. */
export function rejected(
  record: DeliveryRecord,
  refusal: { tokenId: string; machineId: string; evidence: string; message: string },
  at: EpochMs,
): DeliveryRecord {
  const { tokenId: rejectedTokenId, machineId: rollbackMachine, evidence, message } = refusal;
  const rejections = (record.rejections ?? 0) + 1;
  const seen: Verdict = { type: 'Rejected', status: 'True', reason: 'RolloutFailed', message: evidence };
  const changes = { rejectedTokenId, rejections, rollbackMachine, attempts: NO_ATTEMPTS };
  const next = { ...withCondition(record, seen, at), ...changes, rolloutStartedAt: timestamp(at) };
  return judged(next, { status: 'False', reason: 'RolledBack', message }, at);
}

/** The machine runs with the previous token again. */
export function rolledBack(record: DeliveryRecord, message: string, at: EpochMs): DeliveryRecord {
  const { rollbackMachine: _machine, rolloutStartedAt: _over, machines, ...rest } = record;
  const next = { ...rest, ...(machines && { machines: { ...machines, failed: 0 } }), attempts: NO_ATTEMPTS };
  return judged(next, { status: 'False', reason: 'RolledBack', message }, at);
}

/** The remote secret is another binding's, which wrote it first; what stands there is not ours any more. */
export function yielded(record: DeliveryRecord, at: EpochMs): DeliveryRecord {
  const { tokenId: _lost, rolloutStartedAt: _over, ...rest } = record;
  const { app, secretName } = record.target;
  const message =
    `Another TokenBinding wrote ${secretName} of the Fly app ${app} first and keeps it. Give this delivery a ` +
    'secretName of its own, or remove it here or there.';
  return judged(rest, { status: 'False', reason: 'ConflictingBinding', message }, at);
}

/** Somebody else wrote the remote secret: the token has to be written again. */
export function drifted(record: DeliveryRecord, at: EpochMs): DeliveryRecord {
  const { tokenId: _lost, ...rest } = record;
  const message = 'The secret holds another value than was delivered; it is written again.';
  const condition: Verdict = { type: 'Drifted', status: 'True', reason: 'SecretChanged', message };
  const repairs = (record.repairs ?? 0) + 1;
  return withCondition({ ...rest, repairs, attempts: NO_ATTEMPTS }, condition, at);
}

/** The remote secret is what was delivered. */
export function undrifted(record: DeliveryRecord): DeliveryRecord {
  return withoutCondition(record, 'Drifted');
}

/** How often a token is written again before the other writer is left to a person. */
export const MOST_REPAIRS = 2;

/** Somebody writes the remote secret again and again: it is left to them until the next token. */
export function contested(record: DeliveryRecord, at: EpochMs): DeliveryRecord {
  const { app, secretName } = record.target;
  const kept = ` Machines that the other did not change hold the token valid until ${record.heldUntil}.`;
  const message =
    `Something else keeps writing ${secretName} of the Fly app ${app}; the current token was written again ` +
    `${record.repairs} times. Find the other writer (fly releases -a ${app}) and stop it, or give this delivery ` +
    `another secretName; then request a refresh.${record.heldUntil === undefined ? '' : kept}`;
  return judged(record, { status: 'False', reason: 'ConflictingWriter', message }, at);
}

/** Whether the remote secret is left to somebody else who keeps writing it. */
export const isContested = (record: DeliveryRecord) =>
  deliveredCondition(record)?.reason === 'ConflictingWriter';

/** Whether consumers of this delivery hold the token of that id. */
export function holds(record: DeliveryRecord, tokenId: string): boolean {
  return record.tokenId === tokenId && isTrue(record.conditions, 'Delivered');
}

/** Whether the delivery did not work, as against being under way. */
export function hasFailed(record: DeliveryRecord): boolean {
  const { status, reason = '' } = deliveredCondition(record) ?? {};
  return status === 'False' && reason in DISPOSITIONS;
}

/** The `Delivered` condition of one delivery. */
export const deliveredCondition = (record: DeliveryRecord) => conditionOf(record, 'Delivered');

/** One condition of one delivery. */
export function conditionOf({ conditions = [] }: DeliveryRecord, type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

function judged(record: DeliveryRecord, verdict: Omit<Verdict, 'type'>, at: EpochMs): DeliveryRecord {
  return withCondition(record, { type: 'Delivered', ...verdict }, at);
}

/** The record with that condition in place of the one of its type. */
export function withCondition(record: DeliveryRecord, verdict: Verdict, at: EpochMs): DeliveryRecord {
  const { conditions: others = [], ...rest } = withoutCondition(record, verdict.type);
  return { ...rest, conditions: [...others, stamp(verdict, record.conditions ?? [], at)] };
}

/** The record without its condition of that type. */
export function withoutCondition(record: DeliveryRecord, type: string): DeliveryRecord {
  return { ...record, conditions: (record.conditions ?? []).filter((condition) => condition.type !== type) };
}
