import type { EpochMs } from '../src/clock.ts';
import type { LeaseRecord } from '../src/kubernetes/lease.ts';

/**
 * Where the record lives. Every call ends by itself within seconds and rejects when it fails; a write that lost
 * a race rejects with an error whose `status` is 409. Writes resolve with what is stored, its version included.
 */
export interface LeaseStore {
  get(): Promise<LeaseRecord | undefined>;
  create(record: LeaseRecord): Promise<LeaseRecord>;
  update(record: LeaseRecord): Promise<LeaseRecord>;
}

/** The record that makes `identity` the holder, or keeps it so. */
export function heldBy(
  identity: string,
  found: LeaseRecord | undefined,
  now: EpochMs,
  seconds: number,
): LeaseRecord {
  const mine = found?.holderIdentity === identity;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: seconds,
    acquireTime: mine ? found.acquireTime : now,
    renewTime: now,
    leaseTransitions: found ? found.leaseTransitions + (mine ? 0 : 1) : 0,
    ...(found?.resourceVersion === undefined ? {} : { resourceVersion: found.resourceVersion }),
  };
}

/** The record that lets the next one in at once: no holder, and one second to run for readers that ignore that. */
export function released(found: LeaseRecord, now: EpochMs): LeaseRecord {
  return { ...found, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
}

/** Whether its holder did nothing between the two; changes to the object's metadata do not count. */
export function unchanged(a: LeaseRecord | undefined, b: LeaseRecord): boolean {
  return (
    a !== undefined &&
    a.holderIdentity === b.holderIdentity &&
    a.renewTime === b.renewTime &&
    a.acquireTime === b.acquireTime &&
    a.leaseTransitions === b.leaseTransitions &&
    a.leaseDurationSeconds === b.leaseDurationSeconds
  );
}
