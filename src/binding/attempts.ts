import type { EpochMs } from '../clock.ts';
import type { Failure } from '../failure.ts';
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

/** The record after one more failure, with the time of the next attempt. */
export function afterFailure(
  before: Attempts | undefined,
  failure: Failure,
  circumstances: Circumstances,
  moment: { at: EpochMs; random: number; expiresAt?: EpochMs | undefined },
): Attempts {
  const continued = before !== undefined && isSame(before, circumstances);
  const consecutive = (continued ? before.consecutive : 0) + 1;
  const { disposition, notBefore } = failure;
  const next = retryTime(
    { disposition, consecutive, notBefore, expiresAt: moment.expiresAt },
    moment.at,
    moment.random,
  );
  return {
    consecutive,
    lastFailureTime: timestamp(moment.at),
    lastFailureReason: failure.reason,
    // Rounded up: a second that is cut off would make the wait a hot loop.
    nextTime: timestamp(next + 999),
    observedGeneration: circumstances.generation,
    credentialVersion: circumstances.credentialVersion,
  };
}

/** Whether a failure is still being waited out: until `nextTime`, as long as nothing it depended on changed. */
export function isBackingOff(
  attempts: Attempts | undefined,
  circumstances: Circumstances,
  now: EpochMs,
): boolean {
  return (
    attempts?.nextTime !== undefined && isSame(attempts, circumstances) && now < Date.parse(attempts.nextTime)
  );
}

/** Whether the failures were seen under these circumstances. */
export function isSame(attempts: Attempts, circumstances: Circumstances): boolean {
  return (
    attempts.consecutive > 0 &&
    attempts.observedGeneration === circumstances.generation &&
    attempts.credentialVersion === circumstances.credentialVersion
  );
}
