import { once } from 'node:events';
import { createServer } from 'node:net';
import { Health } from './health.ts';
import { checkDefinitions, environment, type StopPolicy } from './machine-config.ts';
import type { BootContext, MachineHost } from './machine-host.ts';
import { type Exit, MachineProcess } from './machine-process.ts';
import type { MachineVersion } from './machine-version.ts';

export interface BootOptions {
  readonly host: MachineHost;
  readonly machineId: string;
  readonly version: MachineVersion;
  /** Free port on 127.0.0.1. */
  readonly port: number;
  readonly onCheck: () => void;
}

/** One run of a machine, from its start to its end: a process and the checks on it. */
export class Boot {
  readonly port: number;
  readonly health: Health;
  readonly #process: MachineProcess;

  constructor(options: BootOptions) {
    const { host, machineId, version, port, onCheck } = options;
    this.port = port;
    this.#process = new MachineProcess(host.command(contextOf(options)), host.processesOf(machineId));
    const checks = checkDefinitions(version.config);
    this.health = new Health({ checks, port, now: host.now, broken: version.broken, onResult: onCheck });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves when the process is gone, asked to or not. */
  get exited(): Promise<Exit> {
    return this.#process.exited;
  }

  /** Ends the checks, then the process. */
  async halt(policy: StopPolicy): Promise<void> {
    this.health.stop();
    await this.#process.stop(policy);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function contextOf({ host, machineId, version, port }: BootOptions): BootContext {
  const { app, region } = host;
  const platform = {
    PORT: String(port),
    FLY_APP_NAME: app,
    FLY_MACHINE_ID: machineId,
    FLY_MACHINE_VERSION: version.instanceId,
    FLY_REGION: region,
  };
  const env = { ...environment(version.config), ...version.secrets.values, ...platform };
  return { app, machineId, region, config: version.config, port, env };
}
