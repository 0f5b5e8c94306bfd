import { healthOfStarted } from './machine-health.ts';
import { isAtRest, type Measure, type Standing, standingOf } from './machine-standing.ts';
import type { ObservedMachine } from './observed-machine.ts';

/** Most machines that one call changes at once: each is a connection, a lease and a watch. */
export const LARGEST_BATCH = 8;

/** Machines to be given the target now, together. */
export type Batch =
  /** By a new version, each under its own lease. */
  | { readonly do: 'update'; readonly machines: readonly ObservedMachine[] }
  /** By writing the file that its process re-reads. */
  | { readonly do: 'reload'; readonly machines: readonly ObservedMachine[] };

/** Machines by standing, each list in a fixed order. */
export type Ranks = (standing: Standing) => readonly ObservedMachine[];

/**
 * The running machines to go next; undefined when none may.
 *
 * @param proven whether some machine already runs well with the target: until then one goes alone
 */
export function nextBatch(ranks: Ranks, proven: boolean, measure: Measure): Batch | undefined {
  const running = ranks('running');
  if (measure.strategy === 'Immediate') return batch('update', running);
  const atOnce = proven ? LARGEST_BATCH : 1;
  const trying = ranks('settling').length;
  if (!proven && trying + ranks('proving').length > 0) return undefined;
  const slots = allowedDown(ranks, measure) - trying;
  if (measure.strategy === 'Reload') {
    const up = running.filter(({ state }) => state === 'started');
    const order = [...up.filter(isServing(measure)), ...up.filter(isUnwell(measure))];
    if (order.length > 0) return slots > 0 ? batch('reload', order.slice(0, atOnce)) : undefined;
  }
  // A machine under somebody's change may be down: taking another one down as well could be one too many.
  const free = slots - ranks('busy').length;
  return batch('update', downFirst(running, free, measure).slice(0, atOnce));
}

/** Those at rest go last: by then the value has proven itself, and they need no waiting. */
export function restingBatch(ranks: Ranks): Batch | undefined {
  return batch('update', ranks('resting'));
}

/**
 * Those that do not serve anyway go first: updating one takes nothing away, and the target may be its cure. Others
 * only as far as those leave room.
 */
function downFirst(running: readonly ObservedMachine[], free: number, measure: Measure) {
  const unwell = running.filter(isUnwell(measure));
  const room = Math.max(0, free - unwell.length);
  return [...unwell.slice(0, Math.max(0, free)), ...running.filter(isServing(measure)).slice(0, room)];
}

/** How many running machines may be down at once; a share of those that run or should, rounded up; at least 1. */
function allowedDown(ranks: Ranks, { maxUnavailable }: Measure): number {
  if ('count' in maxUnavailable) return Math.max(1, maxUnavailable.count);
  const standings = ['current', 'proving', 'settling', 'running', 'busy'] as const;
  const total = standings.flatMap((standing) =>
    ranks(standing).filter((machine) => !isAtRest(machine)),
  ).length;
  return Math.max(1, Math.ceil((total * maxUnavailable.percent) / 100));
}

function isServing({ now }: Measure): (machine: ObservedMachine) => boolean {
  return (machine) => machine.state === 'started' && healthOfStarted(machine, now) === 'well';
}

function isUnwell(measure: Measure): (machine: ObservedMachine) => boolean {
  const serves = isServing(measure);
  return (machine) => !serves(machine);
}

function batch(action: Batch['do'], machines: readonly ObservedMachine[]): Batch | undefined {
  return machines.length === 0 ? undefined : { do: action, machines: machines.slice(0, LARGEST_BATCH) };
}

/** The machines by where they stand, those of one standing by id. */
export function ranksOf(fleet: readonly ObservedMachine[], measure: Measure): Ranks {
  const sorted = fleet.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const ranks = Map.groupBy(sorted, (machine) => standingOf(machine, measure));
  return (standing) => ranks.get(standing) ?? [];
}
