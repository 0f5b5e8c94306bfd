import { FINALIZER } from './names.ts';
import type {
  Cleanup,
  DeliveryStatus,
  DeliveryTarget,
  FlyDelivery,
  RolloutSettings,
} from './token-binding.generated.ts';
import type { TokenBinding } from './token-binding.ts';

/** What is recorded of one delivery. */
export type DeliveryRecord = DeliveryStatus;
export type { Cleanup };

/** Where tokens go, and where they have to be taken back from. */
export interface Targets {
  readonly deliveries: readonly DeliveryRecord[];
  readonly cleanups: readonly Cleanup[];
}

/**
 * Brings the recorded targets in line with the spec. A target that the spec no longer names (delivery
 * removed, pointed at another app or key, binding deleted) becomes a cleanup when its recorded policy is
 * Delete, and is forgotten when it is Retain or was never written: a secret of that name is somebody else's.
 * A cleanup that the spec wants again is called off.
 */
export function retarget(binding: TokenBinding): Targets {
  const wanted = binding.metadata.deletionTimestamp === undefined ? binding.spec.deliveries : [];
  const recorded = binding.status?.deliveries ?? [];
  const deliveries = wanted.flatMap(({ name, fly }): DeliveryRecord[] => {
    if (!fly) return [];
    const target = targetOf(fly);
    const record = recorded.find((candidate) => sameSecret(candidate.target, target));
    return [{ ...record, name, target }];
  });
  const isWanted = (target: { app: string; secretName: string }) =>
    deliveries.some((delivery) => sameSecret(delivery.target, target));
  const dropped = recorded
    .filter(isOurs)
    .map(({ target }) => target)
    .filter((target) => !isWanted(target));
  const pending = (binding.status?.cleanups ?? []).filter((cleanup) => !isWanted(cleanup));
  const added = dropped
    .filter((target) => target.deletionPolicy === 'Delete')
    .filter((target) => !pending.some((cleanup) => sameSecret(cleanup, target)))
    .map(({ app, secretName, apiTokenRef }) => ({ app, secretName, apiTokenRef }));
  return { deliveries, cleanups: [...pending, ...added] };
}

/** Whether the remote secret holds, or may hold, a token of ours. */
export function isOurs({ claimed, tokenId }: DeliveryRecord): boolean {
  return claimed === true || tokenId !== undefined;
}

/** Whether deleting the binding has to wait for something to be unset. */
export function needsFinalizer(targets: Targets): boolean {
  return (
    targets.cleanups.length > 0 ||
    targets.deliveries.some((delivery) => delivery.target.deletionPolicy === 'Delete')
  );
}

/** Whether the cluster already remembers every target, so that a crash after a write there loses none. */
export function isRecorded(targets: Targets, binding: TokenBinding): boolean {
  const recorded = binding.status?.deliveries ?? [];
  const cleanups = binding.status?.cleanups ?? [];
  const guarded = !needsFinalizer(targets) || (binding.metadata.finalizers ?? []).includes(FINALIZER);
  return (
    guarded &&
    targets.deliveries.every((delivery) =>
      recorded.some((record) => sameTarget(record.target, delivery.target)),
    ) &&
    targets.cleanups.every((target) => cleanups.some((cleanup) => sameSecret(cleanup, target)))
  );
}

/** How the machines of a delivery get a new token. */
export function strategyOf(binding: TokenBinding, delivery: string): RolloutSettings['strategy'] {
  return rolloutOf(binding, delivery)?.strategy ?? 'Rolling';
}

/** The rollout that the spec asks for; undefined for a delivery that it no longer names. */
export function rolloutOf(binding: TokenBinding, delivery: string): RolloutSettings | undefined {
  return binding.spec.deliveries.find(({ name }) => name === delivery)?.fly?.rollout;
}

function targetOf({ app, secretName, apiTokenRef, deletionPolicy }: FlyDelivery): DeliveryTarget {
  return { app, secretName, apiTokenRef, deletionPolicy };
}

const sameSecret = (a: { app: string; secretName: string }, b: { app: string; secretName: string }) =>
  a.app === b.app && a.secretName === b.secretName;

const sameTarget = (a: DeliveryTarget, b: DeliveryTarget) =>
  sameSecret(a, b) &&
  a.deletionPolicy === b.deletionPolicy &&
  a.apiTokenRef.name === b.apiTokenRef.name &&
  a.apiTokenRef.key === b.apiTokenRef.key;
