import { isServing } from './machine-health.ts';
import { isAtRest, type Measure, type Standing, standingOf } from './machine-standing.ts';
import type { ObservedMachine } from './observed-machine.ts';
import { markedVersion } from './rollout-marker.ts';

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
 * The running machines to go next; undefined when none may. Those that serve, one of them alone before all; without
 * proof and any that serves, one of the others: the target may be its cure.
 *
 * @param proven whether some machine already runs well with the target
 */
export function nextBatch(ranks: Ranks, proven: boolean, measure: Measure): Batch | undefined {
  const running = ranks('running');
  if (measure.strategy === 'Immediate') return batch('update', running);
  const atOnce = proven ? LARGEST_BATCH : 1;
  const trying = ranks('settling').length;
  if (!proven && trying + ranks('proving').length > 0) return undefined;
  const { serving, unwell } = byHealth(running, measure);
  const cures = unwell.toSorted((a, b) => Number(b.state === 'started') - Number(a.state === 'started'));
  const order = serving.length === 0 && !proven ? cures : serving;
  return inSlots(order.slice(0, atOnce), ranks, measure);
}

/**
 * Machines that run and do not serve, to be given the target when no other needs it any more: what ails them may
 * not be the old one, and must not keep the new one from the others.
 */
export function unwellBatch(ranks: Ranks, measure: Measure): Batch | undefined {
  return inSlots(byHealth(ranks('running'), measure).unwell, ranks, measure);
}

/** As many of the machines as may be down besides those that got the target and are not well yet. */
function inSlots(machines: readonly ObservedMachine[], ranks: Ranks, measure: Measure): Batch | undefined {
  const starting = ranks('settling').length + bootingOf(ranks, measure).length;
  const slots = Math.max(0, allowedDown(ranks, measure) - starting);
  const reloadable = measure.strategy === 'Reload' ? machines.filter(({ state }) => state === 'started') : [];
  if (reloadable.length > 0) return slots > 0 ? batch('reload', reloadable) : undefined;
  // A machine under somebody's change may be down: taking another one down as well could be one too many.
  return batch('update', machines.slice(0, Math.max(0, slots - ranks('busy').length)));
}

/** A boot that takes longer says that the machine is ill, and then it must not keep the target from the others. */
const BOOT_MS = 30_000;

/** Machines that are still starting with an earlier target of ours: down by our doing, for a moment more. */
export function bootingOf(ranks: Ranks, { marker, now }: Measure): readonly ObservedMachine[] {
  return ranks('running').filter((machine) => {
    const { lastExit, changedAt = 0 } = machine;
    const isFresh = markedVersion(machine, marker) !== undefined && now - changedAt < BOOT_MS;
    return isFresh && lastExit === undefined && !isServing(machine, now);
  });
}

/**
 * Whether running machines have to go before any at rest: those that serve, and without proof any that may give it,
 * as soon as whoever has it in hand lets go of it.
 */
export function isBlocked(ranks: Ranks, proven: boolean, measure: Measure): boolean {
  const { serving } = byHealth(ranks('running'), measure);
  if (proven || serving.length > 0) return serving.length > 0;
  const isAside = ({ id }: ObservedMachine) => measure.aside?.has(id) === true;
  return ranks('busy').length > 0 || ranks('held').some(isAside);
}

/** Those at rest go last: by then the value has proven itself, and they need no waiting. */
export function restingBatch(ranks: Ranks): Batch | undefined {
  return batch('update', ranks('resting'));
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

function byHealth(machines: readonly ObservedMachine[], { now }: Measure) {
  const { serving = [], unwell = [] } = Object.groupBy(machines, (machine) =>
    isServing(machine, now) ? 'serving' : 'unwell',
  );
  return { serving, unwell };
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
