import { type Measure, standingOf } from './machine-standing.ts';
import type { ObservedMachine } from './observed-machine.ts';

/** The running machine on which the target is tried before any other gets it. */
export interface Spearhead {
  readonly machineId: string;
  /** `proven`: it is well with the target. `refused`: it is not, and will not be. */
  readonly state: 'proving' | 'proven' | 'refused';
}

/**
 * How the target fares where it was tried; undefined when no running machine has it yet. Found in the machines
 * alone: any that runs well with the target is proof, and none may get it while there is no proof but one that
 * has it already. With Immediate, and once there was proof, nothing is tried.
 */
export function spearheadOf(fleet: readonly ObservedMachine[], measure: Measure): Spearhead | undefined {
  if (measure.strategy === 'Immediate' || measure.proven === true) return undefined;
  const oldestFirst = fleet.toSorted(
    (a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0) || (a.id < b.id ? -1 : 1),
  );
  const first = (...wanted: readonly string[]) =>
    oldestFirst.find((machine) => wanted.includes(standingOf(machine, measure)));
  const proof = oldestFirst.find(
    (machine) => machine.state === 'started' && standingOf(machine, measure) === 'current',
  );
  if (proof) return { machineId: proof.id, state: 'proven' };
  const refused = first('broken');
  if (refused) return { machineId: refused.id, state: 'refused' };
  const trying = first('overdue', 'settling', 'proving');
  return trying && { machineId: trying.id, state: 'proving' };
}
