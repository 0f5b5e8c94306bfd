import type { EpochMs } from '../clock.ts';
import { DISPOSITIONS, type Disposition, type Failure, type FailureReason } from '../failure.ts';
import { timestamp } from './conditions.ts';
import { retryTime } from './schedule.ts';
import type { Attempts } from './token-binding.generated.ts';

export type { Attempts };

/** What an attempt depended on; when any of it changes, waiting out a backoff makes no sense. */
export interface Circumstances {
  readonly generation: number;
  /** `uid/resourceVersion` of the credential used. */
  readonly credentialVersion: string;
}

export const NO_ATTEMPTS: Attempts = { consecutive: 0 };

/** When an attempt failed, and what it had to live with. */
export interface Moment {
  readonly at: EpochMs;
  /** In [0, 1). */
  readonly random: number;
  /** When the token in use expires, if there is one. */
  readonly expiresAt?: EpochMs | undefined;
}

/** The record after one more failure, with the time of the next attempt. */
export function afterFailure(
  before: Attempts | undefined,
  failure: Failure,
  circumstances: Circumstances,
  { at, random, expiresAt }: Moment,
): Attempts {
  const continued = before !== undefined && isSame(before, circumstances) ? before : undefined;
  const record = {
    consecutive: (continued?.consecutive ?? 0) + 1,
    firstFailureTime: continued?.firstFailureTime ?? timestamp(at),
    lastFailureTime: timestamp(at),
    lastFailureReason: failure.reason,
    observedGeneration: circumstances.generation,
    credentialVersion: circumstances.credentialVersion,
  };
  const { consecutive } = record;
  const disposition = dispositionOf(record, { hasToken: expiresAt !== undefined });
  const next = retryTime({ disposition, consecutive, notBefore: failure.notBefore, expiresAt }, at, random);
  // Rounded up: a second that is cut off would make the wait a hot loop.
  return { ...record, nextTime: timestamp(next + 999) };
}

/** How long a failure may be a matter of propagation, in ms. Auth0 states up to 30 s for a rotated secret. */
const GRACE_MS = 60_000;

/**
 * What to do about the failures of a record. For the first minute a refused credential that has worked before may
 * have been rotated a moment ago, and a fresh token may be ahead of the clock of the API that the probe asked.
 */
export function dispositionOf(attempts: Attempts, { hasToken }: { hasToken: boolean }): Disposition {
  const reason = attempts.lastFailureReason as FailureReason;
  const mayPass = reason === 'ProbeRejected' || (reason === 'CredentialsInvalid' && hasToken);
  const lasted = Date.parse(attempts.lastFailureTime ?? '') - Date.parse(attempts.firstFailureTime ?? '');
  return mayPass && lasted < GRACE_MS ? 'retry' : (DISPOSITIONS[reason] ?? 'retry');
}

/** A failure further in the future than this, in ms, was noted by another clock than the one that is now. */
const CLOCK_TOLERANCE_MS = 30_000;

/**
 * Whether a failure is still being waited out: until `nextTime`, as long as nothing it depended on changed. The
 * wait of one from the future would last until the clock is there again: for as long as it was set back.
 */
export function isBackingOff(
  attempts: Attempts | undefined,
  circumstances: Circumstances,
  now: EpochMs,
): boolean {
  if (attempts?.nextTime === undefined || !isSame(attempts, circumstances)) return false;
  const isFromFuture = Date.parse(attempts.lastFailureTime ?? '') > now + CLOCK_TOLERANCE_MS;
  return !isFromFuture && now < Date.parse(attempts.nextTime);
}

/** Whether the failures were seen under these circumstances. */
export function isSame(attempts: Attempts, circumstances: Circumstances): boolean {
  return (
    attempts.consecutive > 0 &&
    attempts.observedGeneration === circumstances.generation &&
    attempts.credentialVersion === circumstances.credentialVersion
  );
}
