import { initialTransition, type SnapshotFrom, transition } from 'xstate';
import type { Facts } from './facts.ts';
import { machine, type Rest, type Step } from './machine.ts';
import type { Progress } from './progress.ts';
import type { StepResult } from './step-result.ts';

/** Where a run stands: at a step to take, or at rest. */
export type Plan = Readonly<{ progress: Progress }> &
  (Readonly<{ step: Step; rest?: never }> | Readonly<{ rest: Rest; step?: never }>);

type Snapshot = SnapshotFrom<typeof machine>;

/** Plans one run: the first step for what was observed, then the next for each result. */
export class Planner {
  #snapshot: Snapshot;

  constructor(facts: Facts) {
    [this.#snapshot] = initialTransition(machine, facts);
  }

  get plan(): Plan {
    const { value, context: progress, status } = this.#snapshot;
    return status === 'active' ? { progress, step: value as Step } : { progress, rest: value as Rest };
  }

  /**
   * Takes in what the current step reported.
   * @throws when the current state does not expect such a result: a step table that does not fit the machine
   */
  report(result: StepResult): void {
    if (!this.#snapshot.can(result)) {
      throw new Error(`the state ${String(this.#snapshot.value)} does not expect "${result.type}"`);
    }
    [this.#snapshot] = transition(machine, this.#snapshot, result);
  }
}
