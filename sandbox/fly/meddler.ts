import type { App } from './app.ts';
import { wake } from './autostart.ts';
import type { Machine } from './machine.ts';
import type { MachineState, RestingState } from './machine-state.ts';

export interface ForeignLease {
  /** Whole seconds, from 1. */
  readonly ttlSeconds: number;
  /** Named in the 409 that others get; default `flyctl@tokens.fly.io`. */
  readonly owner?: string;
}

/** What others do to an app behind the back of its clients: people, `flyctl`, Fly's proxy, Fly's hosts. */
export class Meddler {
  readonly #app: App;
  readonly #now: () => number;

  constructor(app: App, now: () => number) {
    this.#app = app;
    this.#now = now;
  }

  /** Somebody's deploy takes the lease of a machine; gives its nonce. @throws ApiError when another holds it */
  holdLease(machine: string, { ttlSeconds, owner = 'flyctl@tokens.fly.io' }: ForeignLease): string {
    const request = { nonce: undefined, ttlSeconds, description: 'deploy', owner };
    return this.#machine(machine).lease.acquire(request, this.#now()).nonce;
  }

  /** Ends every lease on the app's machines, as `fly machine leases clear` does. */
  clearLeases(): void {
    const now = this.#now();
    for (const { lease } of this.#app.machines) {
      const held = lease.current(now);
      if (held) lease.release(held.nonce, now);
    }
  }

  /** `fly secrets set --stage`: writes secrets (null unsets), touches no machine; gives the version. */
  setSecrets(values: Readonly<Record<string, string | null>>): number {
    return this.#app.vault.write(values, this.#now());
  }

  /**
   * `fly machine clone`: another machine with the same configuration, metadata included, made without a floor;
   * gives its id.
   */
  async cloneMachine(machine: string, state: Exclude<RestingState, 'failed'> = 'started'): Promise<string> {
    const clone = await this.#app.addMachine(this.#machine(machine).version.config, state);
    return clone.id;
  }

  /** Fly's proxy starts a machine for a request: no lease holds it up. One that cannot be started stays. */
  wake(machine: string): void {
    wake(this.#machine(machine));
  }

  /** The program dies (SIGKILL). */
  crash(machine: string): void {
    this.#machine(machine).boot?.crash();
  }

  /** The platform is stuck: the machine shows this state, until it is called with undefined. */
  pin(machine: string, state: MachineState | undefined): void {
    this.#machine(machine).pin(state);
  }

  /** The machine's host stops answering, or does so again. Its program runs on, unseen by the proxy. */
  setReachable(machine: string, reachable: boolean): void {
    this.#machine(machine).reachable = reachable;
  }

  #machine(id: string): Machine {
    const machine = this.#app.find(id);
    if (!machine) throw new Error(`app ${this.#app.name} has no machine ${id}`);
    return machine;
  }
}
