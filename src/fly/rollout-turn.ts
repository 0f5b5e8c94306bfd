import type { MachineLease } from './machine-lease.ts';
import { isFallen, type Measure, type Standing, standingOf } from './machine-standing.ts';
import { watchMachine } from './machine-watch.ts';
import type { ObservedMachine } from './observed-machine.ts';
import { reloadNoteKey } from './reload-note.ts';
import type { Batch } from './rollout-batch.ts';
import { planRollout, type RolloutPlan } from './rollout-plan.ts';
import type { RolloutPolicy, RolloutSite, RolloutTarget } from './rollout-site.ts';

/** The site, target and policy of a turn. */
export interface TurnContext extends RolloutSite {
  readonly target: RolloutTarget;
  readonly policy: RolloutPolicy;
  readonly signal: AbortSignal | undefined;
}

/** A call's view of the fleet: as listed at its start, refined by what is seen and done since. */
export class RolloutTurn {
  readonly context: TurnContext;
  /** Ids of the machines that this turn gave the target to. */
  readonly reached = new Set<string>();
  /** Ids of the machines that this turn leaves out: they cannot be changed now, and must not hold up the others. */
  readonly aside = new Set<string>();
  readonly #fleet: Map<string, ObservedMachine>;

  constructor(context: TurnContext, fleet: readonly ObservedMachine[]) {
    this.context = context;
    this.#fleet = new Map(fleet.map((machine) => [machine.id, machine]));
  }

  plan(): RolloutPlan {
    return planRollout([...this.#fleet.values()], this.#measure());
  }

  /** Takes note of a machine as it is now; undefined when it is gone. */
  see(id: string, machine: ObservedMachine | undefined): void {
    if (machine) this.#fleet.set(id, machine);
    else this.#fleet.delete(id);
  }

  /** Whether the machine is, by what has been seen by now, still to be given the target in that way. */
  isNext(action: Batch['do'], id: string): boolean {
    const { next } = this.plan();
    return next.do === action && next.machines.some((machine) => machine.id === id);
  }

  standing(machine: ObservedMachine): Standing {
    return standingOf(machine, this.#measure());
  }

  /** See `isFallen` of `machine-standing.ts`. */
  isFallen(machine: ObservedMachine): boolean {
    return isFallen(machine, this.#measure());
  }

  /** Watches a machine for as long as a call may; gives it as last seen. */
  async observe(machine: ObservedMachine, lease?: MachineLease): Promise<ObservedMachine | undefined> {
    const { machines, clock, limits, signal } = this.context;
    const until = clock.monotonic() + limits.watchMs;
    const measure = () => this.#measure();
    const seen = await watchMachine({ machines, clock, measure, until, lease, signal }, machine);
    this.see(machine.id, seen);
    return seen;
  }

  place() {
    return { app: this.context.app, now: this.context.clock.now() };
  }

  /** The metadata key of the note about the file; undefined when running machines are not reloaded. */
  get reloadNote(): string | undefined {
    const { target, policy } = this.context;
    const { strategy, reload } = policy;
    return strategy === 'Reload' && reload ? reloadNoteKey(target.marker, reload.path) : undefined;
  }

  #measure(): Measure {
    const { target, policy, clock } = this.context;
    const { reload: _, ...open } = policy;
    const { reloadNote, aside } = this;
    return { ...target, ...open, aside, now: clock.now(), ...(reloadNote !== undefined && { reloadNote }) };
  }
}
