import { once } from 'node:events';
import { createServer } from 'node:net';
import { type ExecRequest, type ExecResult, execute } from './exec.ts';
import { Health } from './health.ts';
import { checkDefinitions, environment, type StopPolicy, standbyFor } from './machine-config.ts';
import type { BootContext, MachineHost } from './machine-host.ts';
import { type Exit, type MachineCommand, MachineProcess } from './machine-process.ts';
import type { MachineRoot } from './machine-root.ts';
import type { MachineVersion } from './machine-version.ts';

export interface BootOptions {
  readonly host: MachineHost;
  readonly machineId: string;
  readonly version: MachineVersion;
  readonly root: MachineRoot;
  /** Free port on 127.0.0.1. */
  readonly port: number;
  readonly onCheck: () => void;
}

/** One run of a machine, from its start to its end: a process and the checks on it. */
export class Boot {
  readonly port: number;
  readonly #options: BootOptions;
  readonly #command: MachineCommand;
  readonly #process: MachineProcess;
  readonly #gone = new AbortController();
  #health: Health;

  /** The root directory is there and empty. */
  constructor(options: BootOptions) {
    const { host, machineId, root } = options;
    this.port = options.port;
    this.#options = options;
    this.#command = host.command(contextOf(options));
    this.#process = new MachineProcess(this.#command, host.processesOf(machineId), root.path);
    this.#health = this.#check();
    void this.exited.then(() => this.#gone.abort());
  }

  get health(): Health {
    return this.#health;
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
    this.#health.stop();
    await this.#process.stop(policy);
  }

  /** The process dies as if by itself. */
  crash(): void {
    this.#process.kill();
  }

  freeze(): void {
    this.#health.stop();
    this.#process.freeze();
  }

  /** Goes on where it was frozen, environment included; the checks begin anew. */
  thaw(): void {
    this.#process.thaw();
    this.#health = this.#check();
  }

  /** Runs a command with the program's environment, in its root directory. */
  exec(request: ExecRequest): Promise<ExecResult> {
    const { host, machineId, root } = this.#options;
    const { watchdog } = host.processesOf(machineId);
    return execute({ root, env: this.#command.env, watchdog }, request, this.#gone.signal);
  }

  #check(): Health {
    const { host, version, port, onCheck } = this.#options;
    const checks = checkDefinitions(version.config);
    return new Health({ checks, port, now: host.now, broken: version.broken, onResult: onCheck });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function contextOf({ host, machineId, version, root, port }: BootOptions): BootContext {
  const { app, region } = host;
  const { config } = version;
  const standby = standbyFor(config);
  const platform = {
    PORT: String(port),
    FLY_APP_NAME: app,
    FLY_MACHINE_ID: machineId,
    FLY_MACHINE_VERSION: version.instanceId,
    FLY_REGION: region,
    ...(standby.length > 0 && { FLY_STANDBY_FOR: standby.join(',') }),
  };
  const env = { ...environment(config), ...version.secrets.values, ...platform };
  return { app, machineId, region, config, port, env, locate: (path) => root.locate(path) };
}
