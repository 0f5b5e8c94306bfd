import type { JsonObject } from '@fly/machines-api';
import { MachinesApiError } from './api-call.ts';
import { classify } from './classification.ts';
import { object } from './json-shape.ts';
import { isAtRest, type Measure, standingOf } from './machine-standing.ts';
import { watchMachine } from './machine-watch.ts';
import type { ObservedMachine } from './observed-machine.ts';
import { holdsVersion, markerFor } from './rollout-marker.ts';
import { planRollout, type RolloutPlan } from './rollout-plan.ts';
import { failedProgress, progressOf, type RolloutProgress, waitingProgress } from './rollout-progress.ts';
import type { RolloutSite, RolloutTarget } from './rollout-site.ts';

/** Outlives an update and its watch; a crash of ours blocks nobody's deploy for longer. Never refreshed. */
const LEASE_SECONDS = 30;

/** The site and target of a turn. */
export interface TurnContext extends RolloutSite {
  readonly target: RolloutTarget;
  readonly signal: AbortSignal | undefined;
}

/** One step of a rollout, over the fleet as listed at its start and refined by what the step sees. */
export class RolloutTurn {
  readonly #context: TurnContext;
  readonly #fleet: Map<string, ObservedMachine>;
  #updatedMachine: string | undefined;

  constructor(context: TurnContext, fleet: readonly ObservedMachine[]) {
    this.#context = context;
    this.#fleet = new Map(fleet.map((machine) => [machine.id, machine]));
  }

  /** @throws {MachinesApiError} when Fly cannot be asked */
  async take(): Promise<RolloutProgress> {
    const progress = await this.#act().catch((error: unknown) => this.#obstructed(error));
    return this.#updatedMachine === undefined
      ? progress
      : { ...progress, updatedMachine: this.#updatedMachine };
  }

  #act(): Promise<RolloutProgress> {
    const { next } = this.#plan();
    switch (next.do) {
      case 'update':
        return this.#updateUnderLease(next.machine.id);
      case 'watch':
        return this.#watch(next.machine);
      default:
        return Promise.resolve(this.#progress());
    }
  }

  /** Decides again under the lease: since the list, the machine may have been woken, updated or removed. */
  async #updateUnderLease(id: string): Promise<RolloutProgress> {
    const { machines, signal } = this.#context;
    const nonce = await machines.lease(id, LEASE_SECONDS, signal);
    try {
      const fresh = await machines.get(id, signal);
      this.#see(id, fresh?.observed);
      const { next } = this.#plan();
      if (!fresh?.config || next.do !== 'update' || next.machine.id !== id) return this.#progress();
      return await this.#update(fresh.observed, fresh.config, nonce);
    } finally {
      // A lease that cannot be given back ends by itself; what the turn found out is worth more than that.
      await machines.release(id, nonce).catch(() => undefined);
    }
  }

  async #update(machine: ObservedMachine, config: JsonObject, nonce: string): Promise<RolloutProgress> {
    const { machines, target, signal } = this.#context;
    const { id, instanceId } = machine;
    const marker = markerFor(id, target.secretsVersion);
    const change = {
      config: { ...config, metadata: { ...object(config.metadata), [target.marker]: marker } },
      skip_launch: isAtRest(machine),
      min_secrets_version: target.secretsVersion,
      current_version: instanceId,
    };
    const updated = await machines.update(id, nonce, change, signal);
    this.#updatedMachine = id;
    const after = await this.#observe(updated);
    const mishap = after && this.#mishap(after, { wasAtRest: isAtRest(machine) });
    if (!mishap) return this.#progress();
    return failedProgress(this.#plan().machines, after, mishap, this.#place());
  }

  /** What went wrong with an update just made that the machine alone does not tell later. */
  #mishap(machine: ObservedMachine, { wasAtRest }: { wasAtRest: boolean }): string | undefined {
    const { marker, secretsVersion } = this.#context.target;
    const standing = standingOf(machine, this.#measure());
    if (standing === 'busy' || standing === 'held' || standing === 'skipped') return undefined;
    if (!holdsVersion(machine, marker, secretsVersion)) {
      return 'is back at its previous version: the platform gave the update up';
    }
    const stoppedByRequest = machine.lastExit?.requested === true;
    return isAtRest(machine) && !wasAtRest && !stoppedByRequest ? 'went down after the update' : undefined;
  }

  async #watch(machine: ObservedMachine): Promise<RolloutProgress> {
    await this.#observe(machine);
    return this.#progress();
  }

  async #observe(machine: ObservedMachine): Promise<ObservedMachine | undefined> {
    const { machines, clock, limits, signal } = this.#context;
    const { now: _, ...measure } = this.#measure();
    const until = clock.monotonic() + limits.watchMs;
    const seen = await watchMachine({ machines, clock, measure, until, signal }, machine);
    this.#see(machine.id, seen);
    return seen;
  }

  #see(id: string, machine: ObservedMachine | undefined): void {
    if (machine) this.#fleet.set(id, machine);
    else this.#fleet.delete(id);
  }

  #plan(): RolloutPlan {
    return planRollout([...this.#fleet.values()], this.#measure());
  }

  #measure(): Measure {
    const { target, clock, limits } = this.#context;
    return { ...target, now: clock.now(), machineTimeoutMs: limits.machineTimeoutMs };
  }

  #place() {
    return { app: this.#context.app, now: this.#context.clock.now() };
  }

  #progress(): RolloutProgress {
    return progressOf(this.#plan(), this.#place());
  }

  /**
   * Somebody's lease or change (409, 412), a rate limit (429) and a machine that is just gone (404) pass by
   * themselves; a refused request (400, 422, …) does not.
   */
  #obstructed(error: unknown): RolloutProgress {
    if (!(error instanceof MachinesApiError)) throw error;
    const { machines } = this.#plan();
    const failure = classify(error, this.#place());
    if (error.hasStatus(404)) return waitingProgress(machines, this.#place());
    if (error.hasStatus(409, 412, 429)) return waitingProgress(machines, this.#place(), failure);
    if (failure.reason !== 'RequestRefused') throw error;
    return { machines, state: 'failed', failure: { ...failure, reason: 'RolloutFailed' } };
  }
}
