import { isComparable } from './comparison.ts';
import {
  awaitsOthers,
  deliveriesDue,
  isActive,
  isBackedOff,
  isDeleting,
  isDelivered,
  isSuspended,
  issueReason,
  isUnprobed,
  isWriteBackedOff,
  rests,
  setbacks,
  unwrittenDeliveries,
} from './due.ts';
import { cleanupName, type Progress } from './progress.ts';
import { isWorthKeeping, livePrevious, wantedToken } from './rollback.ts';
import { type Cleanup, type DeliveryRecord, isOurs, needsFinalizer } from './targets.ts';

/** What a check found: why its step is next, and which delivery or cleanup it is about. */
export interface Finding {
  readonly why: string;
  readonly subject?: string | undefined;
}

/** A question about a run; a finding means yes. */
export type Check = (progress: Progress) => Finding | undefined;

const removed: Check = (progress) =>
  isDeleting(progress) && !progress.finalized ? { why: 'nothing is left to clean up' } : undefined;

/** The finalizer has done its work, or is no longer asked for. */
const releasable: Check = (progress) =>
  progress.finalized && !needsFinalizer(progress) ? { why: 'nothing has to outlive the binding' } : undefined;

/** A remote secret is about to change that the cluster does not remember as ours yet. */
const unrecorded: Check = (progress) => {
  const isClaimed = unwrittenDeliveries(progress).every(isOurs);
  if (progress.recorded && isClaimed && (progress.finalized || !needsFinalizer(progress))) return undefined;
  const upcoming = writable(progress) ?? rollable(progress) ?? cleanable(progress) ?? unguarded(progress);
  return upcoming && { why: `what happens to ${upcoming.subject} must survive a crash` };
};

const suspended: Check = (progress) => (isSuspended(progress) ? { why: 'spec.suspend is true' } : undefined);

/** A token is in hand that the API of spec.verify.probe has not taken yet. */
const unprobed: Check = (progress) => {
  if (!isActive(progress) || progress.issueFailure || isBackedOff(progress)) return undefined;
  return isUnprobed(progress) ? { why: 'the new token has to be tried at the API' } : undefined;
};

/** The current token is about to be replaced, and a delivery may have to go back to it. */
const unkept: Check = (progress) => {
  if (!writesHeld(progress)) return undefined;
  return isWorthKeeping(progress) ? { why: 'a failed rollout must be able to go back' } : undefined;
};

const writesHeld = (progress: Progress) =>
  isActive(progress) &&
  progress.held !== undefined &&
  progress.issueFailure === undefined &&
  !isWriteBackedOff(progress) &&
  !isUnprobed(progress);

/** A token is in hand that no Secret holds yet, or the Secret differs from what the spec asks for. */
const unwritten: Check = (progress) => {
  if (!isActive(progress) || progress.issueFailure || isWriteBackedOff(progress)) return undefined;
  if (isUnprobed(progress)) return undefined;
  if (progress.held) return { why: 'a new token is not stored yet' };
  return progress.token && !progress.shaped ? { why: 'the Secret differs from the spec' } : undefined;
};

/** A new token is needed, and the last failure (if any) has been waited out. */
const issuable: Check = (progress) => {
  if (!isActive(progress) || progress.held || progress.refreshed || progress.deferred) return undefined;
  if (progress.issueFailure || isBackedOff(progress)) return undefined;
  const why = issueReason(progress);
  return why === undefined ? undefined : { why };
};

/** A delivery whose vault does not have the current token. */
const writable: Check = (progress) => {
  const open = unwrittenDeliveries(progress);
  const isSound = ({ attempts }: DeliveryRecord) => (attempts?.consecutive ?? 0) === 0;
  // An app that failed before may take as long to fail again: what else there is to do comes first.
  const found = open.find(isSound) ?? (rollable(progress) ? undefined : open[0]);
  return found && { why: `the current token is not in ${found.target.app} yet`, subject: found.name };
};

/** A delivery whose vault has the current token, and whose machines may not. */
const rollable: Check = (progress) => {
  const ready = deliveriesDue(progress).filter(
    (record) =>
      record.tokenId === wantedToken(progress, record)?.id &&
      !(record.name in progress.waiting) &&
      !awaitsOthers(progress, record),
  );
  // In turn: a large app must not keep the others waiting until its last machine.
  const last = ready.findIndex(({ name }) => name === progress.subject);
  const found = ready[last + 1] ?? ready[0];
  return found && { why: `machines of ${found.target.app} need the current token`, subject: found.name };
};

/** A delivery that has not been compared with its app for a while. */
const driftable: Check = (progress) => {
  const { facts, driftChecked } = progress;
  const found = progress.deliveries.find(
    (record) =>
      facts.now >= (facts.driftDueAt[record.name] ?? Number.POSITIVE_INFINITY) &&
      !driftChecked.includes(record.name) &&
      isComparable(progress, record),
  );
  return found && { why: 'others may have changed the app', subject: found.name };
};

/** The previous token is of no more use. */
const forgettable: Check = (progress) => {
  if (!progress.previous || progress.held || !isActive(progress)) return undefined;
  const isOver = livePrevious(progress) === undefined;
  const isEverywhere = progress.deliveries.every((record) => isDelivered(progress, record));
  return isOver || isEverywhere
    ? { why: 'no delivery can go back to the previous token any more' }
    : undefined;
};

/** A secret written before its policy became Delete: from now on the binding must not go without it. */
const unguarded: Check = (progress) => {
  if (progress.finalized) return undefined;
  const found = progress.deliveries.find(
    ({ target, tokenId }) => target.deletionPolicy === 'Delete' && tokenId !== undefined,
  );
  return found && { why: 'its policy is Delete', subject: found.name };
};

/** Whether an app still lives on the old secret, because a new delivery to it was never written. */
const awaitsSuccessor = (progress: Progress, { app }: Cleanup) =>
  isActive(progress) &&
  progress.deliveries.some(({ target, tokenId }) => target.app === app && tokenId === undefined);

/** A remote secret that has to be unset. */
const cleanable: Check = (progress) => {
  const found = progress.cleanups.find(
    (cleanup) => !rests(progress, cleanup) && !awaitsSuccessor(progress, cleanup),
  );
  return found && { why: 'the spec no longer asks for this secret', subject: cleanupName(found) };
};

/** Something waits for a person. */
const stalling: Check = (progress) => {
  const found = setbacks(progress).find(({ disposition }) => disposition === 'stall');
  return found && { why: found.reason, subject: found.about };
};

/** Something did not work, now or earlier, and is being waited out. */
const failing: Check = (progress) => {
  const [found] = setbacks(progress);
  return found && { why: found.reason, subject: found.about };
};

/** The provider cannot be asked yet, or machines of a rollout are starting. */
const waiting: Check = (progress) => {
  if (progress.deferred) return { why: 'others ask the provider first' };
  if (deliveriesDue(progress).some((record) => awaitsOthers(progress, record)))
    return { why: 'other bindings are about to write to the same app' };
  return Object.keys(progress.waiting).length > 0 ? { why: 'machines are starting' } : undefined;
};

const settled: Check = () => ({ why: 'everything holds the current token' });

/** Every check by the name that the machine's policy gives it. */
export const CHECKS = {
  removed,
  releasable,
  unrecorded,
  suspended,
  unprobed,
  unkept,
  unwritten,
  issuable,
  writable,
  rollable,
  driftable,
  forgettable,
  cleanable,
  stalling,
  failing,
  waiting,
  settled,
} satisfies Record<string, Check>;
