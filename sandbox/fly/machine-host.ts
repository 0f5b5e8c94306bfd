import type { MachineConfig } from './machine-config.ts';
import type { MachineCommand, ProcessHost } from './machine-process.ts';

/** What a boot may be built from. `env` is complete: configuration, secrets above it, PORT and FLY_*. */
export interface BootContext {
  readonly app: string;
  readonly machineId: string;
  readonly region: string;
  readonly config: MachineConfig;
  /** Port on 127.0.0.1 that the program must listen on (also `env.PORT`). */
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
}

/** The platform as a machine sees it. */
export interface MachineHost {
  readonly app: string;
  readonly region: string;
  readonly now: () => number;
  readonly command: (boot: BootContext) => MachineCommand;
  readonly processesOf: (machineId: string) => ProcessHost;
}
