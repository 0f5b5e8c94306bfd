import type { EpochMs } from '../clock.ts';
import { crashedDown, healthOfStarted } from './machine-health.ts';
import type { ObservedMachine } from './observed-machine.ts';
import { holdsVersion } from './rollout-marker.ts';

/** Where a machine stands in a rollout. */
export type Standing =
  /** Holds the target and is as it should be: well, or at rest. */
  | 'current'
  /** Not ours to touch: a helper of somebody's deploy, a one-shot, or on its way out. */
  | 'skipped'
  /** Holds the target and is not well yet. */
  | 'settling'
  /** The same, for longer than the machine timeout. */
  | 'overdue'
  /** Holds the target and went down or keeps crashing. */
  | 'broken'
  /** Lacks the target and runs (or should, in state `failed`): an update takes it down for a moment. */
  | 'running'
  /** Lacks the target and is at rest: an update costs nobody anything. */
  | 'resting'
  /** Lacks the target and is being changed by somebody else. */
  | 'busy'
  /** Lacks the target and cannot be updated for now; holds up no other machine. */
  | 'held';

/** What a machine is measured against. */
export interface Measure {
  /** At least this version of the app's secrets. */
  readonly secretsVersion: number;
  /** The metadata key of our marker. */
  readonly marker: string;
  readonly now: EpochMs;
  /** How long an updated machine may take to become well, in ms. */
  readonly machineTimeoutMs: number;
}

/** A transient state is left within minutes; one that lasts longer is stuck (`replacing` was seen for hours). */
const STUCK_MS = 600_000;

const ENDING: ReadonlySet<string> = new Set(['launch_failed', 'destroying', 'destroyed']);
const AT_REST: ReadonlySet<string> = new Set(['created', 'stopped', 'suspended']);
const HELPER_GROUPS: ReadonlySet<string | undefined> = new Set([
  'fly_app_release_command',
  'fly_app_console',
  'fly_app_test_machine_command',
]);

/** Where `machine` stands; total over every state, known or not. */
export function standingOf(machine: ObservedMachine, measure: Measure): Standing {
  if (ENDING.has(machine.state) || machine.oneShot || isDeployHelper(machine)) return 'skipped';
  if (!machine.reachable) return 'held';
  return holdsVersion(machine, measure.marker, measure.secretsVersion)
    ? standingWithTarget(machine, measure)
    : standingWithout(machine, measure);
}

/** Down on purpose: an update leaves it there (`skip_launch`), and nobody waits for it. */
export function isAtRest({ state }: ObservedMachine): boolean {
  return AT_REST.has(state);
}

/**
 * The tag of a blue-green deploy stays on the machines it made, so only its last word, that a machine is about to
 * be destroyed, sets one apart.
 */
function isDeployHelper({ metadata }: ObservedMachine): boolean {
  return (
    HELPER_GROUPS.has(metadata.get('fly_process_group')) ||
    metadata.get('process_group') === 'release_command' ||
    metadata.has('fly_canary') ||
    metadata.get('fly_bluegreen_deployment_tag') === 'safe_to_destroy'
  );
}

function standingWithTarget(machine: ObservedMachine, measure: Measure): Standing {
  if (machine.state === 'failed') return 'broken';
  if (isAtRest(machine)) return crashedDown(machine) ? 'broken' : 'current';
  const health = machine.state === 'started' ? healthOfStarted(machine, measure.now) : 'unwell';
  if (health === 'well') return 'current';
  if (health === 'crashed') return 'broken';
  return changedWithin(machine, measure.machineTimeoutMs, measure.now) ? 'settling' : 'overdue';
}

function standingWithout(machine: ObservedMachine, { now }: Measure): Standing {
  if (machine.state === 'started') return machine.scheduled ? 'held' : 'running';
  if (machine.state === 'failed') return 'running';
  if (isAtRest(machine)) return 'resting';
  return changedWithin(machine, STUCK_MS, now) ? 'busy' : 'held';
}

function changedWithin({ changedAt }: ObservedMachine, ms: number, now: EpochMs): boolean {
  return changedAt === undefined || now - changedAt < ms;
}
