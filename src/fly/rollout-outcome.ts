import type { DeliveryFailureReason, Failure } from '../failure.ts';
import { MachinesApiError } from './api-call.ts';
import { classify } from './classification.ts';
import {
  failedProgress,
  type Mishap,
  progressOf,
  type RolloutProgress,
  waitingProgress,
} from './rollout-progress.ts';
import type { RolloutTurn } from './rollout-turn.ts';

/** What became of the work on one machine: nothing to tell, a mishap, or an error. */
export interface Outcome {
  readonly machineId: string;
  readonly result: PromiseSettledResult<Mishap | undefined>;
}

interface ApiTrouble {
  readonly machineId: string;
  readonly error: MachinesApiError;
  readonly failure: Failure<DeliveryFailureReason>;
}

/**
 * What a turn comes to. A mishap is told before everything else: it says what the target does to machines.
 *
 * @throws what says that Fly cannot be asked, or nothing about Fly
 */
export function conclude(turn: RolloutTurn, outcomes: readonly Outcome[]): RolloutProgress {
  const progress = progressAfter(turn, outcomes);
  return turn.reached.size === 0 ? progress : { ...progress, updatedMachines: [...turn.reached].sort() };
}

function progressAfter(turn: RolloutTurn, outcomes: readonly Outcome[]): RolloutProgress {
  const plan = turn.plan();
  for (const { result } of outcomes) {
    if (result.status === 'fulfilled' && result.value)
      return failedProgress(plan, result.value, turn.place());
  }
  const troubles = outcomes.flatMap((outcome) => troubleIn(turn, outcome));
  const grave = troubles.filter(({ error }) => !passesByItself(error));
  const refusal = grave.find(({ failure }) => failure.reason === 'RequestRefused');
  // As long as others can have the target, a machine that never will must not keep it from them.
  if (refusal && (turn.reached.size === 0 || plan.next.do === 'postpone')) return refused(turn, refusal);
  const unknown = grave.find((trouble) => trouble !== refusal);
  if (unknown) throw unknown.error;
  const progress = progressOf(plan, turn.place());
  const [obstacle] = troubles;
  const goesOn = progress.state === 'failed' || (progress.state === 'advanced' && turn.reached.size > 0);
  if (!obstacle || goesOn) return progress;
  const note = obstacle.error.hasStatus(404) ? undefined : obstacle.failure;
  return waitingProgress(plan, turn.place(), note);
}

function troubleIn(turn: RolloutTurn, { machineId, result }: Outcome): readonly ApiTrouble[] {
  if (result.status === 'fulfilled') return [];
  const error: unknown = result.reason;
  if (!(error instanceof MachinesApiError)) throw error;
  return [{ machineId, error, failure: classify(error, turn.place()) }];
}

/** Somebody's lease or change (409, 412), a rate limit and a machine that is just gone (404) pass by themselves. */
function passesByItself(error: MachinesApiError): boolean {
  return error.hasStatus(404, 409, 412, 429) || error.problem.kind === 'heldBack';
}

/** A request that Fly refused (400, 422, …) will be refused again. */
function refused(turn: RolloutTurn, { machineId, error, failure }: ApiTrouble): RolloutProgress {
  const { machines, spearhead } = turn.plan();
  const { requestId } = error;
  return {
    machines,
    ...(spearhead && { spearhead }),
    state: 'failed',
    failure: { ...failure, reason: 'RolloutFailed' },
    failedMachine: { id: machineId, ...(requestId !== undefined && { requestId }) },
  };
}
