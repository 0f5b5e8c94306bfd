import { healthOfStarted } from './machine-health.ts';
import { type Measure, type Standing, standingOf } from './machine-standing.ts';
import type { ObservedMachine } from './observed-machine.ts';

/** Machines by where they stand; those in none of the other three still lack the target or settle. */
export interface MachineCount {
  readonly total: number;
  readonly current: number;
  readonly skipped: number;
  readonly failed: number;
}

/** The one thing to do next. */
export type NextAction =
  /** Every machine that counts holds the target. */
  | { readonly do: 'finish' }
  /** Give this machine a new version. */
  | { readonly do: 'update'; readonly machine: ObservedMachine }
  /** Touch nothing until this one is well; `overdue` when it should have been by now. */
  | { readonly do: 'watch'; readonly machine: ObservedMachine; readonly overdue: boolean }
  /** Touch nothing more: this one went down with the target. */
  | { readonly do: 'halt'; readonly machine: ObservedMachine }
  /** Somebody else is changing this one. */
  | { readonly do: 'stepAside'; readonly machine: ObservedMachine }
  /** All that is left cannot be updated for now. */
  | { readonly do: 'postpone'; readonly machine: ObservedMachine };

/** Where a rollout is and how it goes on. */
export interface RolloutPlan {
  readonly machines: MachineCount;
  readonly next: NextAction;
}

/**
 * Decides what a rollout does next, from nothing but the machines as observed: so it resumes after any crash.
 *
 * Running machines go one at a time, each only when the one before is well, those that are down already first.
 * Machines at rest come last: by then the value has proven itself, and they need no waiting.
 */
export function planRollout(fleet: readonly ObservedMachine[], measure: Measure): RolloutPlan {
  const byStanding = Map.groupBy(sorted(fleet, measure), (machine) => standingOf(machine, measure));
  const count = (standing: Standing) => byStanding.get(standing)?.length ?? 0;
  return {
    machines: {
      total: fleet.length,
      current: count('current'),
      skipped: count('skipped'),
      failed: count('broken'),
    },
    next: nextAction((standing) => byStanding.get(standing)?.[0]),
  };
}

function nextAction(first: (standing: Standing) => ObservedMachine | undefined): NextAction {
  const policy: readonly (readonly [Standing, (machine: ObservedMachine) => NextAction])[] = [
    ['broken', (machine) => ({ do: 'halt', machine })],
    ['overdue', (machine) => ({ do: 'watch', machine, overdue: true })],
    ['settling', (machine) => ({ do: 'watch', machine, overdue: false })],
    ['running', (machine) => stepAsideFor(first('busy')) ?? { do: 'update', machine }],
    ['resting', (machine) => ({ do: 'update', machine })],
    ['busy', (machine) => ({ do: 'stepAside', machine })],
    ['held', (machine) => ({ do: 'postpone', machine })],
  ];
  for (const [standing, action] of policy) {
    const machine = first(standing);
    if (machine) return action(machine);
  }
  return { do: 'finish' };
}

/** A machine under somebody's change may be down: taking another one down as well could be one too many. */
function stepAsideFor(busy: ObservedMachine | undefined): NextAction | undefined {
  return busy && { do: 'stepAside', machine: busy };
}

function sorted(fleet: readonly ObservedMachine[], { now }: Measure): readonly ObservedMachine[] {
  const serving = (machine: ObservedMachine) =>
    Number(machine.state === 'started' && healthOfStarted(machine, now) === 'well');
  return fleet.toSorted((a, b) => serving(a) - serving(b) || (a.id < b.id ? -1 : 1));
}
