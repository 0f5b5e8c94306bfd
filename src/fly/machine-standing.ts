import type { EpochMs } from '../clock.ts';
import { crashedDown, hasCrashed, healthOfStarted, proofMs } from './machine-health.ts';
import type { ObservedMachine } from './observed-machine.ts';
import { type ReloadNote, readReloadNote } from './reload-note.ts';
import { holdsVersion, markedVersion } from './rollout-marker.ts';
import type { RolloutPolicy, RolloutTarget } from './rollout-site.ts';

/** Where a machine stands in a rollout. */
export type Standing =
  /** Holds the target and is as it should be: well, or at rest. */
  | 'current'
  /** Got the target while it runs and is well so far, which says nothing yet. */
  | 'proving'
  /** Not to be touched: a helper of somebody's deploy, a one-shot, on its way out, or not asked for. */
  | 'skipped'
  /** Holds the target and is not well yet. */
  | 'settling'
  /** The same, for longer than the machine timeout. */
  | 'overdue'
  /** Holds the target and went down or keeps crashing. */
  | 'broken'
  /** Lacks the target and runs, or should: in state `failed`, or down with a token of ours. */
  | 'running'
  /** Lacks the target and is at rest: an update costs nobody anything. */
  | 'resting'
  /** Lacks the target and is being changed by somebody else. */
  | 'busy'
  /** Lacks the target and cannot be updated for now; holds up no other machine. */
  | 'held';

/** What a machine is measured against: the target, and the policy without what is secret in it. */
export interface Measure extends RolloutTarget, Omit<RolloutPolicy, 'reload'> {
  readonly now: EpochMs;
  /** Ids of machines whose update was refused just now. */
  readonly aside?: ReadonlySet<string>;
  /** The metadata key of the note about the file that running machines re-read; only with Reload. */
  readonly reloadNote?: string;
}

/** A transient state is left within minutes; one that lasts longer is stuck (`replacing` was seen for hours). */
const STUCK_MS = 600_000;

/** How far Fly's clock and ours may be apart. */
const CLOCK_SKEW_MS = 5_000;

const ENDING: ReadonlySet<string> = new Set(['launch_failed', 'destroying', 'destroyed']);
const AT_REST: ReadonlySet<string> = new Set(['created', 'stopped', 'suspended']);
const HELPER_GROUPS: ReadonlySet<string | undefined> = new Set([
  'fly_app_release_command',
  'fly_app_console',
  'fly_app_test_machine_command',
]);

/** Where `machine` stands; total over every state, known or not. */
export function standingOf(machine: ObservedMachine, measure: Measure): Standing {
  if (isLeftAlone(machine, measure)) return 'skipped';
  if (!machine.reachable) return 'held';
  if (holdsVersion(machine, measure.marker, measure.secretsVersion)) {
    return measure.strategy === 'Immediate' ? 'current' : standingWithTarget(machine, measure);
  }
  const note = noteOf(machine, measure);
  const standing = note && standingWithFile(machine, note, measure);
  if (standing) return standing;
  return measure.aside?.has(machine.id) ? 'held' : standingWithout(machine, measure);
}

/** When a machine in standing `proving` will have proven itself. */
export function provenAt(machine: ObservedMachine, measure: Measure): EpochMs {
  return (noteOf(machine, measure)?.at ?? measure.now) + proofMs(machine);
}

/** The note that the machine's file holds the target. */
function noteOf(machine: ObservedMachine, measure: Measure): ReloadNote | undefined {
  const note = noteInVersion(machine, measure);
  return note && note.secretsVersion >= measure.secretsVersion ? note : undefined;
}

/** The note about the machine's file, whatever that holds. */
function noteInVersion(machine: ObservedMachine, { reloadNote }: Measure): ReloadNote | undefined {
  return reloadNote === undefined ? undefined : readReloadNote(machine, reloadNote);
}

/** Down on purpose: an update leaves it there (`skip_launch`), and nobody waits for it. */
export function isAtRest({ state }: ObservedMachine): boolean {
  return AT_REST.has(state);
}

/**
 * Down because its process failed with a token that we gave it: it would run if we had not, so it is started with
 * the next. Restart policies give up in time and leave such a machine `stopped`.
 */
export function isFallen(machine: ObservedMachine, measure: Measure): boolean {
  const { lastExit, exitedAt = 0 } = machine;
  if (!isAtRest(machine) || !crashedDown(machine) || lastExit?.code === 0) return false;
  const note = noteInVersion(machine, measure);
  const isNoted = note !== undefined && exitedAt > note.at - CLOCK_SKEW_MS;
  return isNoted || markedVersion(machine, measure.marker) !== undefined;
}

function isLeftAlone(machine: ObservedMachine, { includeUnmanaged }: Measure): boolean {
  const { state, oneShot, metadata } = machine;
  if (ENDING.has(state) || oneShot || isDeployHelper(machine)) return true;
  return !includeUnmanaged && !metadata.has('fly_platform_version');
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
  // A job that Fly starts again and again ends as it likes.
  if (isAtRest(machine)) return crashedDown(machine) && !machine.scheduled ? 'broken' : 'current';
  const health = machine.state === 'started' ? healthOfStarted(machine, measure.now) : 'unwell';
  if (health === 'well') return 'current';
  if (health === 'crashed') return 'broken';
  return changedWithin(machine, measure.machineTimeoutMs, measure.now) ? 'settling' : 'overdue';
}

/**
 * A machine whose file was written: undefined when that was in an earlier boot, so that it lacks the target again;
 * unless that boot ended because of it.
 */
function standingWithFile(
  machine: ObservedMachine,
  { sameBoot, at }: ReloadNote,
  { now, machineTimeoutMs }: Measure,
): Standing | undefined {
  const proofEndsAt = at + proofMs(machine);
  if (!sameBoot) {
    const { exitedAt = 0 } = machine;
    const thereupon = exitedAt > at - CLOCK_SKEW_MS && exitedAt < proofEndsAt;
    return thereupon && hasCrashed(machine) ? 'broken' : undefined;
  }
  const health = healthOfStarted(machine, now);
  if (health === 'crashed') return 'broken';
  if (health === 'unwell') return now - at < machineTimeoutMs ? 'settling' : 'overdue';
  return now < proofEndsAt ? 'proving' : 'current';
}

function standingWithout(machine: ObservedMachine, measure: Measure): Standing {
  const { strategy, now } = measure;
  const disturbs = machine.scheduled && strategy !== 'Reload';
  if (machine.state === 'started') return disturbs ? 'held' : 'running';
  if (machine.state === 'failed') return 'running';
  if (isAtRest(machine)) return isFallen(machine, measure) ? 'running' : 'resting';
  return changedWithin(machine, STUCK_MS, now) ? 'busy' : 'held';
}

function changedWithin({ changedAt }: ObservedMachine, ms: number, now: EpochMs): boolean {
  return changedAt === undefined || now - changedAt < ms;
}
