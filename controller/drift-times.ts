import { machinesInterval, secretInterval } from '../src/binding/comparison.ts';
import type { Facts } from '../src/binding/facts.ts';
import { hashFraction } from '../src/binding/schedule.ts';
import { type DeliveryRecord, retarget } from '../src/binding/targets.ts';
import type { TokenBinding } from '../src/binding/token-binding.ts';
import type { Clock } from '../src/clock.ts';
import { deliveryKey, tokenVersion } from './fly-access.ts';
import type { DriftCheck, Memory } from './memory.ts';
import { keyOfBinding } from './world.ts';

/** When the apps of a binding are to be compared with what was delivered, and which could not be the last time. */
export function driftTimes(
  { memory, clock }: { readonly memory: Memory; readonly clock: Clock },
  binding: TokenBinding,
  apiTokenVersions: Facts['apiTokenVersions'],
): Pick<Facts, 'driftDueAt' | 'unchecked'> {
  const driftDueAt: Record<string, number> = {};
  const unchecked: string[] = [];
  for (const record of retarget(binding).deliveries) {
    const key = deliveryKey(keyOfBinding(binding), record.name);
    const check = memory.driftChecks.get(key) ?? beforeStart(binding, record, clock);
    memory.driftChecks.set(key, check);
    if (check.failedWith !== undefined) unchecked.push(record.name);
    const token = tokenVersion({ apiTokenVersions }, record.target);
    const isMended = check.failedWith !== undefined && check.failedWith !== token;
    const secretAt = check.secretAt + secretInterval(binding, record);
    const machinesAt = check.machinesAt + machinesInterval(binding, record);
    driftDueAt[record.name] = isMended ? clock.now() : Math.min(secretAt, machinesAt);
  }
  return { driftDueAt, unchecked };
}

/** After a start the checks are spread over their intervals, not all made at once. */
function beforeStart(binding: TokenBinding, record: DeliveryRecord, clock: Clock): DriftCheck {
  const share = hashFraction(`${binding.metadata.uid}/${record.name}`);
  const ago = (interval: number) => Math.round(clock.now() - interval * share);
  return {
    secretAt: ago(secretInterval(binding, record)),
    machinesAt: ago(machinesInterval(binding, record)),
  };
}
