import { formatDuration } from '../binding/duration.ts';
import type { EpochMs } from '../clock.ts';
import { type DeliveryFailureReason, type Failure, failure } from '../failure.ts';
import type { ObservedMachine } from './observed-machine.ts';
import type { MachineCount, NextAction, RolloutPlan } from './rollout-plan.ts';
import type { Spearhead } from './spearhead.ts';

/** What one call of `advanceRollout` left behind. */
export interface RolloutProgress {
  readonly machines: MachineCount;
  /**
   * `done`: every machine that counts holds the target. `advanced`: call again now. `waiting`: call again at
   * `retryAt`; `note` says what for, and so does `failure` when it is more than a machine getting well. `failed`:
   * see `failure`; nothing more is touched.
   */
  readonly state: 'done' | 'advanced' | 'waiting' | 'failed';
  readonly retryAt?: EpochMs;
  readonly note?: string;
  readonly failure?: Failure<DeliveryFailureReason>;
  /** How the target fares where it was tried; absent before that, with Immediate, and when all is done. */
  readonly spearhead?: Spearhead;
  /** Some machine runs well with the target, or did; absent when all is done. */
  readonly proven?: boolean;
  /** The rollout failed at a machine that has the target, and no other lacks it. */
  readonly complete?: boolean;
  /** The machine that a failed rollout failed at. */
  readonly failedMachine?: FailedMachine;
  /** Ids of the machines that this call gave the target to. */
  readonly updatedMachines?: readonly string[];
}

/** A machine by its id, and Fly's id of the request that told. */
export interface FailedMachine {
  readonly id: string;
  readonly requestId?: string;
}

/** What went wrong at a machine so that the rollout has failed. */
export interface Mishap {
  readonly machine: ObservedMachine;
  /** A predicate of the machine: "is not healthy". */
  readonly what: string;
  /** The machine got the target and did not stand it, as against never having got it. */
  readonly refused: boolean;
}

/** Where and when, for messages and times. */
export interface ProgressPlace {
  readonly app: string;
  readonly now: EpochMs;
}

/** A machine gets well, or another's change ends, within seconds. */
const LOOK_AGAIN_MS = 5_000;
/** A boot that is under way already ends sooner than that. */
const BOOT_LOOK_MS = 2_000;
/** Hosts come back and scheduled jobs end within minutes. */
const POSTPONED_MS = 60_000;

/** The progress that a plan stands for, when nothing is done about its next action now. */
export function progressOf(plan: RolloutPlan, place: ProgressPlace): RolloutProgress {
  const { machines, next } = plan;
  switch (next.do) {
    case 'finish':
      return { machines, state: 'done' };
    case 'update':
    case 'reload':
      return { ...standOf(plan), state: 'advanced' };
    case 'watch': {
      const waiting = { ...waitingProgress(plan, place), note: watching(next) };
      const dueAt = next.dueAt ?? Number.POSITIVE_INFINITY;
      return { ...waiting, retryAt: Math.min(place.now + LOOK_AGAIN_MS, Math.max(place.now, dueAt)) };
    }
    case 'awaitBoot': {
      const note = `Waiting for machine ${next.machine.id}, which still starts with an earlier token.`;
      return { ...waitingProgress(plan, place), retryAt: place.now + BOOT_LOOK_MS, note };
    }
    case 'stepAside':
      return { ...waitingProgress(plan, place), note: changedByOthers(next.machine) };
    case 'watchOverdue':
      return failedProgress(plan, overdue(next.machine, place), place);
    case 'halt':
      return failedProgress(plan, downfall(next.machine), place);
    case 'postpone':
      return postponed(plan, next.machine, place);
  }
}

/** A rollout that failed at one machine. */
export function failedProgress(
  plan: RolloutPlan,
  { machine, what, refused }: Mishap,
  { app }: ProgressPlace,
): RolloutProgress {
  const message =
    `Fly app ${app}: machine ${machine.id} ${what}; no further machine is touched. ` +
    `See \`fly logs -a ${app} --machine ${machine.id}\`${reference(machine)}.`;
  const { id, requestId } = machine;
  return {
    ...standOf(plan),
    ...(!plan.proven && refused && { spearhead: { machineId: id, state: 'refused' } }),
    machines: { ...plan.machines, failed: Math.max(plan.machines.failed, 1) },
    state: 'failed',
    failure: failure('RolloutFailed', message),
    failedMachine: { id, ...(requestId !== undefined && { requestId }) },
  };
}

/** Nothing to do for the moment; `failure` is what is in the way, which is no failure of the rollout. */
export function waitingProgress(
  plan: RolloutPlan,
  { now }: ProgressPlace,
  failure?: Failure<DeliveryFailureReason>,
): RolloutProgress {
  const retryAt = failure?.notBefore ?? now + LOOK_AGAIN_MS;
  return { ...standOf(plan), state: 'waiting', retryAt, ...(failure && { failure, note: failure.message }) };
}

function watching({ machines, dueAt }: Extract<NextAction, { do: 'watch' }>): string {
  const ids = machines.map(({ id }) => id).join(', ');
  const those = machines.length === 1 ? `machine ${ids}` : `machines ${ids}`;
  if (dueAt === undefined) return `Waiting for ${those} to become healthy.`;
  return `Waiting to see ${those} stay healthy with the new token.`;
}

function changedByOthers({ id, state }: ObservedMachine): string {
  return `Machine ${id} is being changed by somebody else (state ${state}).`;
}

function postponed(plan: RolloutPlan, machine: ObservedMachine, place: ProgressPlace): RolloutProgress {
  const message =
    `Fly app ${place.app}: machine ${machine.id} ${hindrance(machine)} and still has the previous secret; every ` +
    `other machine is up to date${reference(machine)}.`;
  const notBefore = place.now + POSTPONED_MS;
  return waitingProgress(plan, place, failure('PlatformUnavailable', message, notBefore));
}

function standOf({ machines, spearhead, proven, complete }: RolloutPlan) {
  return { machines, proven, ...(complete && { complete }), ...(spearhead && { spearhead }) };
}

function hindrance({ reachable, scheduled, state }: ObservedMachine): string {
  if (!reachable) return 'is on a host that does not answer';
  if (scheduled && state === 'started') return 'runs a scheduled job, to be updated when that ends,';
  return `cannot be updated in state ${state}`;
}

function overdue(machine: ObservedMachine, { now }: ProgressPlace): Mishap {
  const { changedAt } = machine;
  const since = changedAt === undefined ? '' : `, ${formatDuration(now - changedAt)} after its last change`;
  return { machine, what: `is not healthy${since}`, refused: true };
}

function downfall(machine: ObservedMachine): Mishap {
  return { machine, what: downfallOf(machine), refused: true };
}

function downfallOf({ state, lastExit }: ObservedMachine): string {
  if (state === 'started') return 'restarts over and over';
  if (lastExit?.requested === true) return 'was stopped before it was seen to be healthy';
  return `is ${state} after its process failed`;
}

function reference({ requestId }: ObservedMachine): string {
  return requestId === undefined ? '' : ` (fly-request-id ${requestId})`;
}
