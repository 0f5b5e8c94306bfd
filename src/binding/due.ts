import { DISPOSITIONS, type Disposition, type FailureReason } from '../failure.ts';
import { dispositionOf, isBackingOff } from './attempts.ts';
import { timestamp } from './conditions.ts';
import { holds, isContested } from './delivery.ts';
import { REFRESH_REQUESTED_AT } from './names.ts';
import { cleanupName, flyCircumstances, issueCircumstances, type Progress } from './progress.ts';
import { refreshPolicy } from './renewal.ts';
import { isRejected, retrialTime, wantedToken } from './rollback.ts';
import { type RefreshPolicy, refreshTime, urgentTime } from './schedule.ts';
import { isFromFuture } from './stored-token.ts';
import { type Cleanup, type DeliveryRecord, strategyOf } from './targets.ts';

export const isDeleting = ({ facts }: Progress) => facts.binding.metadata.deletionTimestamp !== undefined;
export const isSuspended = ({ facts }: Progress) => facts.binding.spec.suspend;

/** Whether tokens are issued and delivered at all. */
export const isActive = (progress: Progress) =>
  !isDeleting(progress) && !isSuspended(progress) && progress.foreign === undefined;

/** Why the token in the Secret, if any, has to be replaced; undefined when it does not have to be. */
export function issueReason(progress: Progress): string | undefined {
  const { facts, token } = progress;
  if (!token) return facts.secret.state === 'ours' ? 'the stored token is damaged' : 'there is no token yet';
  if (isFromFuture(token, facts.now)) return 'the stored token is from the future: a clock was wrong';
  const { fingerprint } = facts.credential;
  if (fingerprint !== undefined && fingerprint !== token.fingerprint)
    return 'the spec asks for another token';
  if (isRefreshRequested(progress)) return 'a refresh was requested by annotation';
  if (isFailureOpen(progress)) return 'the last attempt failed';
  if (facts.now >= (retrialTime(progress) ?? Number.POSITIVE_INFINITY))
    return 'the token did not reach all machines, and the one before will expire';
  return facts.now >= nextRefresh(progress) ? 'the refresh time has come' : undefined;
}

/** Whether the last failure to issue is being waited out; a fresh request by a person is not made to wait. */
export function isBackedOff(progress: Progress): boolean {
  const waiting = isBackingOff(progress.attempts, issueCircumstances(progress), progress.facts.now);
  return waiting && !isRefreshRequested(progress);
}

/** Whether the API server refused the last write of the Secret, and that is being waited out. */
export function isWriteBackedOff(progress: Progress): boolean {
  return progress.attempts.lastFailureReason === 'SecretRefused' && isBackedOff(progress);
}

/**
 * When the stored token is to be renewed, epoch ms; only meaningful while there is one. A rollout that is under way
 * is let finish first, until that becomes urgent: were each cut short by the next token, the machines at the end of
 * the line would get none at all.
 */
export function nextRefresh(progress: Progress): number {
  const { facts, token } = progress;
  if (!token) return facts.now;
  const policy = refreshPolicy(progress);
  const planned = refreshTime(token, policy, facts.binding.metadata.uid);
  if (facts.now < planned) return planned;
  return Math.max(planned, Math.min(urgentTime(token, policy), rolloutsEnd(progress, policy)));
}

/**
 * Until when the rollouts under way of the current token are waited for, epoch ms: one that takes far longer than
 * any before waits for something else, like a lost host.
 */
function rolloutsEnd(progress: Progress, { slowestDelivery }: RefreshPolicy): number {
  const patience = slowestDelivery === 0 ? Number.POSITIVE_INFINITY : 2 * slowestDelivery;
  const ends = deliveriesDue(progress)
    .filter(({ tokenId }) => tokenId === progress.token?.id)
    .map(({ rolloutStartedAt }) => Date.parse(rolloutStartedAt ?? timestamp(progress.facts.now)) + patience);
  return Math.max(0, ...ends);
}

/**
 * Whether somebody asked for a refresh that has not been attempted yet. A stored token answers its request even
 * when a crash kept the status from saying so.
 */
export function isRefreshRequested({ facts, token }: Progress): boolean {
  const requested = facts.binding.metadata.annotations?.[REFRESH_REQUESTED_AT];
  const answered = [facts.binding.status?.lastHandledRefreshAt, token?.refreshRequest];
  return requested !== undefined && !answered.includes(requested);
}

/** Whether the last attempt failed, and the stored token is from before it. */
export function isFailureOpen({ attempts, token, held, shaped }: Progress): boolean {
  if (attempts.consecutive === 0) return false;
  if (attempts.lastFailureReason === 'SecretRefused') return held !== undefined || !shaped;
  // The time of a failure has whole seconds only, rounded down.
  const isLater = token !== undefined && token.issuedAt >= Date.parse(attempts.lastFailureTime ?? '') + 1000;
  return !isLater;
}

/** Whether a delivery holds the current token and, where the strategy rolls machines, was rolled out. */
export function isDelivered({ facts, token }: Progress, record: DeliveryRecord): boolean {
  if (!token || !holds(record, token.id)) return false;
  return strategyOf(facts.binding, record.name) === 'Stage' || record.machines !== undefined;
}

/** Deliveries with something to do in this run: a live token, not there yet, no failure to wait out. */
export function deliveriesDue(progress: Progress): DeliveryRecord[] {
  if (!isActive(progress)) return [];
  return progress.deliveries.filter((record) => isDue(progress, record) && !rests(progress, record));
}

function isDue(progress: Progress, record: DeliveryRecord): boolean {
  const { facts, token } = progress;
  const wanted = wantedToken(progress, record);
  if (!wanted || wanted.expiresAt <= facts.now || facts.rivals.includes(record.name)) return false;
  if (isRejected(progress, record))
    return record.tokenId !== wanted.id || record.rollbackMachine !== undefined;
  if (record.tokenId === token?.id && isContested(record)) return false;
  return !isDelivered(progress, record);
}

/** Whether the rollout waits for the write of another binding to the same app, which it then serves as well. */
export function awaitsOthers({ facts, token }: Progress, { name }: DeliveryRecord): boolean {
  if (token === undefined || !facts.awaited.includes(name)) return false;
  const patience = Math.min(COALESCE_MS, (token.expiresAt - token.issuedAt) * COALESCE_SHARE);
  return facts.now < token.issuedAt + patience;
}

/** Longest wait for other writes to an app, in ms after the issue of the token, and as a share of its life. */
const COALESCE_MS = 60_000;
const COALESCE_SHARE = 1 / 20;

/** Deliveries whose vault does not have the current token. */
export function unwrittenDeliveries(progress: Progress): DeliveryRecord[] {
  return deliveriesDue(progress).filter((record) => record.tokenId !== wantedToken(progress, record)?.id);
}

/** Marks what this run is about to write: recorded before the first write, it makes the secret ours. */
export function claim(progress: Progress): Progress {
  const names = new Set(unwrittenDeliveries(progress).map(({ name }) => name));
  const deliveries = progress.deliveries.map((record) =>
    names.has(record.name) ? { ...record, claimed: true } : record,
  );
  return { ...progress, deliveries };
}

/** Whether a delivery or cleanup failed in this run, or waits out an earlier failure. */
export function rests(progress: Progress, record: DeliveryRecord | Cleanup): boolean {
  const { deliveryFailures, cleanupFailures, facts } = progress;
  const isDelivery = 'target' in record;
  if (isDelivery ? record.name in deliveryFailures : cleanupName(record) in cleanupFailures) return true;
  // Another token is another matter than the one that machines did not get well with.
  if (
    isDelivery &&
    record.attempts?.lastFailureReason === 'RolloutFailed' &&
    record.tokenId !== wantedToken(progress, record)?.id
  )
    return false;
  const { name } = isDelivery ? record.target.apiTokenRef : record.apiTokenRef;
  return isBackingOff(record.attempts, flyCircumstances(progress, name), facts.now);
}

/** Something that did not work: in this run, or earlier and still waited out. */
export interface Setback {
  /** Name of the delivery or cleanup; undefined for the issue itself. */
  readonly about?: string;
  readonly reason: FailureReason;
  readonly disposition: Disposition;
}

/** All that did not work and has not been made good since, the issue first. */
export function setbacks(progress: Progress): Setback[] {
  const found: Setback[] = [];
  const byReason = (reason: FailureReason) => ({ reason, disposition: DISPOSITIONS[reason] });
  if (progress.foreign !== undefined && !isDeleting(progress)) found.push(byReason('SecretConflict'));
  const issue = issueSetback(progress);
  if (issue) found.push(issue);
  for (const record of [...progress.deliveries, ...progress.cleanups]) {
    const about = 'target' in record ? record.name : cleanupName(record);
    const standing = 'target' in record ? standingSetback(progress, record) : undefined;
    if (standing) found.push({ about, ...standing });
    const isOpen = !('target' in record) || (isActive(progress) && !isDelivered(progress, record));
    if (isOpen && rests(progress, record)) {
      found.push({ about, ...byReason(record.attempts?.lastFailureReason as FailureReason) });
    }
  }
  return found;
}

/** What is wrong with a delivery that nothing is due for: it waits for another token, or for a person. */
function standingSetback(progress: Progress, record: DeliveryRecord): Omit<Setback, 'about'> | undefined {
  if (!isActive(progress)) return undefined;
  if (progress.facts.rivals.includes(record.name))
    return { reason: 'ConflictingBinding', disposition: 'stall' };
  if (isRejected(progress, record)) {
    return { reason: 'RolledBack', disposition: (record.rejections ?? 0) < 2 ? 'retry' : 'stall' };
  }
  const isLeft = record.tokenId === progress.token?.id && isContested(record);
  return isLeft ? { reason: 'ConflictingWriter', disposition: 'stall' } : undefined;
}

function issueSetback(progress: Progress): Setback | undefined {
  const { attempts, issueFailure, refreshed, held, token, facts } = progress;
  if (!issueFailure) {
    if (!isActive(progress) || refreshed || !isBackedOff(progress)) return undefined;
    const isOpen = held
      ? isWriteBackedOff(progress) || isUnprobed(progress)
      : issueReason(progress) !== undefined;
    if (!isOpen) return undefined;
  }
  const hasToken = token !== undefined && token.expiresAt > facts.now;
  return {
    reason: attempts.lastFailureReason as FailureReason,
    disposition: dispositionOf(attempts, { hasToken }),
  };
}

/** Whether the held token still has to be tried at the API of spec.verify.probe. */
export const isUnprobed = ({ held, probed, facts }: Progress) =>
  held !== undefined && probed === undefined && facts.binding.spec.verify?.probe !== undefined;
