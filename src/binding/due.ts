import { DISPOSITIONS, type Disposition, type FailureReason } from '../failure.ts';
import { dispositionOf, isBackingOff } from './attempts.ts';
import { holds } from './delivery.ts';
import { REFRESH_REQUESTED_AT } from './names.ts';
import { cleanupName, flyCircumstances, issueCircumstances, type Progress } from './progress.ts';
import { refreshPolicy } from './renewal.ts';
import { refreshTime } from './schedule.ts';
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

/** When the stored token is to be renewed, epoch ms; only meaningful while there is one. */
export function nextRefresh(progress: Progress): number {
  const { facts, token } = progress;
  return token ? refreshTime(token, refreshPolicy(progress), facts.binding.metadata.uid) : facts.now;
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
  const { token, facts } = progress;
  if (!token || token.expiresAt <= facts.now || !isActive(progress)) return [];
  return progress.deliveries.filter((record) => !isDelivered(progress, record) && !rests(progress, record));
}

/** Deliveries whose vault does not have the current token. */
export function unwrittenDeliveries(progress: Progress): DeliveryRecord[] {
  return deliveriesDue(progress).filter(({ tokenId }) => tokenId !== progress.token?.id);
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
  // A newer token is another matter than the one that machines did not get well with.
  if (
    isDelivery &&
    record.attempts?.lastFailureReason === 'RolloutFailed' &&
    record.tokenId !== progress.token?.id
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
    const isOpen = !('target' in record) || (isActive(progress) && !isDelivered(progress, record));
    if (isOpen && rests(progress, record)) {
      found.push({ about, ...byReason(record.attempts?.lastFailureReason as FailureReason) });
    }
  }
  return found;
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
