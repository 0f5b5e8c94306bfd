import type { EpochMs } from '../clock.ts';
import { isAtRest, type Measure, provenAt } from './machine-standing.ts';
import type { ObservedMachine } from './observed-machine.ts';
import {
  type Batch,
  bootingOf,
  isBlocked,
  nextBatch,
  type Ranks,
  ranksOf,
  restingBatch,
  unwellBatch,
} from './rollout-batch.ts';
import { type Spearhead, spearheadOf } from './spearhead.ts';

/** Machines by where they stand; those in none of the other three still lack the target or settle. */
export interface MachineCount {
  readonly total: number;
  readonly current: number;
  readonly skipped: number;
  readonly failed: number;
}

/** What to do next. */
export type NextAction =
  | Batch
  /** Every machine that counts holds the target. */
  | { readonly do: 'finish' }
  /** Touch no more until one of these is well, at the earliest at `dueAt` when only time can tell. */
  | { readonly do: 'watch'; readonly machines: readonly ObservedMachine[]; readonly dueAt?: EpochMs }
  /** Touch nothing until this one is well: it should have been by now. */
  | { readonly do: 'watchOverdue'; readonly machine: ObservedMachine }
  /** Touch nothing more: this one went down with the target. */
  | { readonly do: 'halt'; readonly machine: ObservedMachine }
  /** Wait for this one, which still starts with an earlier target. */
  | { readonly do: 'awaitBoot'; readonly machine: ObservedMachine }
  /** Somebody else is changing this one. */
  | { readonly do: 'stepAside'; readonly machine: ObservedMachine }
  /** All that is left cannot be updated for now. */
  | { readonly do: 'postpone'; readonly machine: ObservedMachine };

/** Where a rollout is and how it goes on. */
export interface RolloutPlan {
  readonly machines: MachineCount;
  readonly spearhead: Spearhead | undefined;
  /** Some machine runs well with the target, or did. */
  readonly proven: boolean;
  /** No machine lacks the target that is to have it. */
  readonly complete: boolean;
  readonly next: NextAction;
}

/**
 * Decides what a rollout does next, from nothing but the machines as observed: so it resumes after any crash.
 *
 * One running machine goes first and alone, one that serves when there is any; once it is well, the others follow,
 * no more at a time than may be down, then those at rest, and at last those that are not well as it is. One that
 * goes down with the target ends the rollout.
 */
export function planRollout(fleet: readonly ObservedMachine[], measure: Measure): RolloutPlan {
  const ranks = ranksOf(fleet, measure);
  const spearhead = spearheadOf(fleet, measure);
  const machines = {
    total: fleet.length,
    current: ranks('current').length + ranks('proving').length,
    skipped: ranks('skipped').length,
    failed: ranks('broken').length,
  };
  const proven = measure.proven === true || spearhead?.state === 'proven';
  const lacking = (['running', 'resting', 'busy', 'held'] as const).flatMap(ranks);
  const complete = lacking.length === 0;
  return { machines, spearhead, proven, complete, next: nextAction(ranks, proven, measure) };
}

function nextAction(ranks: Ranks, proven: boolean, measure: Measure): NextAction {
  // Written into a file it takes nothing down, and a machine that restarted has only an older one.
  const renewed = measure.proven === true ? nextBatch(ranks, proven, measure) : undefined;
  if (renewed?.do === 'reload') return renewed;
  const [broken] = ranks('broken');
  if (broken) return { do: 'halt', machine: broken };
  const [overdue] = ranks('overdue');
  if (overdue) return { do: 'watchOverdue', machine: overdue };
  const undecided = proven ? undefined : undecidedOf(ranks);
  if (undecided) return awaitDecision(undecided, measure);
  const batch = nextBatch(ranks, proven, measure);
  if (batch) return batch;
  const settling = ranks('settling');
  const proving = proven ? [] : ranks('proving');
  if (settling.length > 0) return { do: 'watch', machines: [...settling, ...proving] };
  if (proving.length > 0) {
    const dueAt = Math.min(...proving.map((machine) => provenAt(machine, measure)));
    return { do: 'watch', machines: proving, dueAt };
  }
  const [booting] = bootingOf(ranks, measure);
  if (booting) return { do: 'awaitBoot', machine: booting };
  const [busy] = ranks('busy');
  const rest = isBlocked(ranks, proven, measure) ? undefined : restingBatch(ranks);
  const last = rest ?? unwellBatch(ranks, measure);
  if (last) return last;
  if (busy) return { do: 'stepAside', machine: busy };
  const [held] = ranks('held');
  return held ? { do: 'postpone', machine: held } : { do: 'finish' };
}

/**
 * A machine that was stopped on request (by Fly's proxy when idle, or by somebody) before the target had proven
 * itself, while others still wait for it. One that is not well has no traffic, which is why a bad token may look so.
 */
function undecidedOf(ranks: Ranks): ObservedMachine | undefined {
  const ran = (machine: ObservedMachine) => isAtRest(machine) && machine.lastExit?.requested === true;
  return ranks('running').length > 0 ? ranks('current').find(ran) : undefined;
}

/** It may be started again; what has not proven itself by then must reach no second machine. */
function awaitDecision(machine: ObservedMachine, { machineTimeoutMs, now }: Measure): NextAction {
  const isLate = now - (machine.exitedAt ?? now) >= machineTimeoutMs;
  return isLate ? { do: 'halt', machine } : { do: 'watch', machines: [machine] };
}
