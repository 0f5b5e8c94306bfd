import { ulid } from './identifier.ts';
import { Machine, type RestingState } from './machine.ts';
import type { MachineConfig } from './machine-config.ts';
import type { MachineHost } from './machine-host.ts';
import type { MachineVersion } from './machine-version.ts';
import { Vault } from './vault.ts';

/** An app: its secrets and its machines. */
export class App {
  readonly name: string;
  readonly vault = new Vault();
  readonly machines = new Map<string, Machine>();
  readonly #host: MachineHost;

  constructor(host: MachineHost) {
    this.name = host.app;
    this.#host = host;
  }

  async addMachine(config: MachineConfig, state: Exclude<RestingState, 'failed'>): Promise<Machine> {
    const version = this.newVersion({ config, skipSecrets: false, broken: false });
    const machine = new Machine(this.#host, version, state);
    this.machines.set(machine.id, machine);
    await machine.settled();
    return machine;
  }

  /** A version made now: it holds the vault's secrets of now, or none when `skipSecrets`. */
  newVersion(from: { config: MachineConfig; skipSecrets: boolean; broken: boolean }): MachineVersion {
    const { config, skipSecrets, broken } = from;
    const secrets = skipSecrets ? { version: 0, values: {} } : this.vault.snapshot();
    return { instanceId: ulid(this.#host.now()), config, secrets, broken };
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.machines.values()].map((machine) => machine.dispose()));
  }
}
