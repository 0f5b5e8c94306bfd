import { ulid } from './identifier.ts';
import { Machine } from './machine.ts';
import type { MachineConfig } from './machine-config.ts';
import type { AppHost, MachineHost } from './machine-host.ts';
import type { RestingState } from './machine-state.ts';
import type { MachineVersion } from './machine-version.ts';
import { Vault } from './vault.ts';

/** An app: its secrets and its machines. */
export class App {
  readonly name: string;
  readonly vault: Vault;
  readonly #host: MachineHost;
  readonly #machines = new Map<string, Machine>();
  /** Machines so new that the API does not know them yet. */
  readonly #unborn = new Set<string>();

  constructor(host: AppHost) {
    this.name = host.app;
    this.vault = new Vault(host.behaviour);
    this.#host = { ...host, secrets: () => this.vault.snapshot() };
  }

  /** All that can be read, oldest first; destroyed ones may be among them for a while. */
  get machines(): readonly Machine[] {
    return [...this.#machines.values()].filter(({ id }) => !this.#unborn.has(id));
  }

  find(id: string): Machine | undefined {
    return this.#unborn.has(id) ? undefined : this.#machines.get(id);
  }

  /** Adds a machine of a new version; resolves when it is in its state. */
  async addMachine(config: MachineConfig, state: Exclude<RestingState, 'failed'>): Promise<Machine> {
    const version = this.newVersion({ config, skipSecrets: false, broken: false });
    const machine = this.#add(version, state);
    await machine.settled();
    return machine;
  }

  /** Adds a machine in state `created`, as the API does; it is not known for `createLagMs`. */
  createMachine(version: MachineVersion): Machine {
    const machine = this.#add(version, 'created');
    const { createLagMs } = this.#host.behaviour;
    if (createLagMs > 0) {
      this.#unborn.add(machine.id);
      setTimeout(() => this.#unborn.delete(machine.id), createLagMs).unref();
    }
    return machine;
  }

  /** A version made now: it holds the secrets that can be seen now, or none when `skipSecrets`. */
  newVersion(from: { config: MachineConfig; skipSecrets: boolean; broken: boolean }): MachineVersion {
    const { config, skipSecrets, broken } = from;
    const secrets = skipSecrets ? { version: 0, values: {} } : this.vault.snapshot();
    return { instanceId: ulid(this.#host.now()), config, secrets, broken };
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#machines.values()].map((machine) => machine.dispose()));
  }

  #add(version: MachineVersion, state: Exclude<RestingState, 'failed'>): Machine {
    const machine = new Machine(this.#host, version, state);
    this.#machines.set(machine.id, machine);
    machine.changes.on('change', () => {
      if (machine.state === 'destroyed') this.#forget(machine);
    });
    return machine;
  }

  #forget({ id }: Machine): void {
    const { destroyedVisibleMs } = this.#host.behaviour;
    if (destroyedVisibleMs === 0) this.#machines.delete(id);
    else setTimeout(() => this.#machines.delete(id), destroyedVisibleMs).unref();
  }
}
