import type { Behaviour } from './behaviour.ts';
import type { Faults } from './fault.ts';
import type { MachineConfig } from './machine-config.ts';
import type { MachineCommand, ProcessHost } from './machine-process.ts';
import type { VaultSnapshot } from './vault.ts';

/** What a boot may be built from. `env` is complete: configuration, secrets above it, PORT and FLY_*. */
export interface BootContext {
  readonly app: string;
  readonly machineId: string;
  readonly region: string;
  readonly config: MachineConfig;
  /** Port on 127.0.0.1 that the program must listen on (also `env.PORT`). */
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  /** Where an absolute path of the machine is found on this computer, for example `/run/token` of `exec`. */
  readonly locate: (path: string) => string;
}

/** The platform as an app sees it. */
export interface AppHost {
  readonly app: string;
  readonly region: string;
  readonly now: () => number;
  readonly command: (boot: BootContext) => MachineCommand;
  readonly processesOf: (machineId: string) => ProcessHost;
  /** Directory for the machines' root directories; exists. */
  readonly rootsIn: string;
  readonly behaviour: Behaviour;
  readonly faults: Faults;
}

/** The platform as a machine sees it. */
export interface MachineHost extends AppHost {
  /** The app's secrets as machines can get them now. */
  readonly secrets: () => VaultSnapshot;
}
