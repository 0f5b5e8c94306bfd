import type { EpochMs } from '../clock.ts';
import { type DeliveryFailureReason, type Failure, failure } from '../failure.ts';
import type { ObservedMachine } from './observed-machine.ts';
import type { MachineCount, RolloutPlan } from './rollout-plan.ts';

/** What one call of `advanceRollout` left behind. */
export interface RolloutProgress {
  readonly machines: MachineCount;
  /**
   * `done`: every machine that counts holds the target. `advanced`: call again now. `waiting`: call again at
   * `retryAt`; `failure` says what for, when it is more than a machine getting well. `failed`: see `failure`;
   * nothing more is touched.
   */
  readonly state: 'done' | 'advanced' | 'waiting' | 'failed';
  readonly retryAt?: EpochMs;
  readonly failure?: Failure<DeliveryFailureReason>;
  /** Id of the machine that this call gave a new version. */
  readonly updatedMachine?: string;
}

/** Where and when, for messages and times. */
export interface ProgressPlace {
  readonly app: string;
  readonly now: EpochMs;
}

/** A machine gets well, or another's change ends, within seconds. */
const LOOK_AGAIN_MS = 5_000;
/** Hosts come back and scheduled jobs end within minutes. */
const POSTPONED_MS = 60_000;

/** The progress that a plan stands for, when nothing is done about its next action now. */
export function progressOf({ machines, next }: RolloutPlan, place: ProgressPlace): RolloutProgress {
  switch (next.do) {
    case 'finish':
      return { machines, state: 'done' };
    case 'update':
      return { machines, state: 'advanced' };
    case 'watch':
      if (next.overdue)
        return failedProgress(machines, next.machine, 'did not become healthy in time', place);
      return waitingProgress(machines, place);
    case 'halt':
      return failedProgress(machines, next.machine, downfall(next.machine), place);
    case 'stepAside':
      return waitingProgress(machines, place);
    case 'postpone':
      return postponed(machines, next.machine, place);
  }
}

/** A failed rollout: `what` became of `machine` after it had been given the secret. */
export function failedProgress(
  machines: MachineCount,
  machine: ObservedMachine,
  what: string,
  { app }: ProgressPlace,
): RolloutProgress {
  const message =
    `Fly app ${app}: machine ${machine.id} ${what}; no further machine is touched. ` +
    `See \`fly logs -a ${app} --machine ${machine.id}\`${reference(machine)}.`;
  const failed = Math.max(machines.failed, 1);
  return {
    machines: { ...machines, failed },
    state: 'failed',
    failure: failure('RolloutFailed', message),
  };
}

/** Nothing to do for the moment; `failure` is what is in the way, which is no failure of the rollout. */
export function waitingProgress(
  machines: MachineCount,
  { now }: ProgressPlace,
  failure?: Failure<DeliveryFailureReason>,
): RolloutProgress {
  const retryAt = failure?.notBefore ?? now + LOOK_AGAIN_MS;
  return { machines, state: 'waiting', retryAt, ...(failure && { failure }) };
}

function postponed(machines: MachineCount, machine: ObservedMachine, place: ProgressPlace): RolloutProgress {
  const why = machine.reachable
    ? `cannot be updated in state ${machine.state}`
    : 'is on a host that does not answer';
  const message =
    `Fly app ${place.app}: machine ${machine.id} ${why} and still has the previous secret; every other machine ` +
    `is up to date${reference(machine)}.`;
  const notBefore = place.now + POSTPONED_MS;
  return waitingProgress(machines, place, failure('PlatformUnavailable', message, notBefore));
}

function downfall({ state }: ObservedMachine): string {
  return state === 'started' ? 'restarts over and over' : `is ${state} after its process failed`;
}

function reference({ requestId }: ObservedMachine): string {
  return requestId === undefined ? '' : ` (fly-request-id ${requestId})`;
}
