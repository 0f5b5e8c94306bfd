import type { Authority } from '../pki.ts';
import type { TlsServer } from '../tls-server.ts';
import { startWatchdog, type Watchdog } from '../watchdog/watchdog.ts';
import { AccessTokens, mintDeployToken } from './access-token.ts';
import { startApiServer } from './api-server.ts';
import { App } from './app.ts';
import { Faults } from './fault.ts';
import type { Platform } from './gateway.ts';
import type { CheckResult } from './health.ts';
import type { Machine, MachineState, RestingState } from './machine.ts';
import type { MachineConfig } from './machine-config.ts';
import type { BootContext } from './machine-host.ts';
import type { MachineCommand } from './machine-process.ts';
import { startProxy } from './proxy.ts';
import { RateLimit } from './rate-limit.ts';
import { RequestLog } from './request-log.ts';

export interface FlyOptions {
  readonly authority: Authority;
  /** The program that every machine runs; called at each boot. */
  readonly machineCommand: (boot: BootContext) => MachineCommand;
  /** What a machine's program prints, as it comes. Discarded when absent. */
  readonly onOutput?: (machineId: string, text: string) => void;
  /** Fly's published rate limits; true when absent. */
  readonly rateLimit?: boolean;
  /** Wall clock in ms since the epoch, for leases, limits and stamps. Waits and checks run in real time. */
  readonly now?: () => number;
}

/** A machine as this process sees it, past the API. */
export interface MachineInspection {
  readonly id: string;
  readonly instanceId: string;
  readonly state: MachineState;
  /** Version of the secrets in the environment of its boots. */
  readonly secretsVersion: number;
  readonly config: MachineConfig;
  readonly checks: readonly CheckResult[];
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  /** Plain HTTP address of the program; undefined while it is down. */
  readonly url: string | undefined;
  /** Updates accepted since it was added. */
  readonly updates: number;
}

export interface NewApp {
  /** App name, as in the API's paths. */
  readonly name: string;
  /** Tokens besides the deploy token that may manage it, with or without scheme. */
  readonly apiTokens?: readonly string[];
}

export interface NewMachine {
  readonly config: MachineConfig;
  readonly state: Exclude<RestingState, 'failed'>;
}

/** A running Fly.io look-alike. README.md beside this file says what it models and what it does not. */
export class Fly {
  /** Base URL of the Machines API, without `/v1`. */
  readonly apiUrl: string;
  /** What goes wrong on purpose. */
  readonly faults: Faults;
  readonly requests: RequestLog;
  readonly #platform: Platform;
  readonly #options: FlyOptions;
  readonly #api: TlsServer;
  readonly #watchdog: Watchdog = startWatchdog();
  readonly #deployTokens = new Map<string, string>();
  readonly #proxies = new Map<string, TlsServer>();

  /** Called by `startFly`. */
  constructor(platform: Platform, options: FlyOptions, api: TlsServer) {
    this.apiUrl = urlOf(api);
    this.faults = platform.faults;
    this.requests = platform.requests;
    this.#platform = platform;
    this.#options = options;
    this.#api = api;
  }

  /** Makes an app without secrets and machines, and its proxy. */
  async createApp({ name, apiTokens = [] }: NewApp): Promise<void> {
    const { now } = this.#platform;
    const { machineCommand: command, onOutput } = this.#options;
    const processesOf = (id: string) => ({
      watchdog: this.#watchdog,
      onOutput: onOutput && ((text: string) => onOutput(id, text)),
    });
    const app = new App({ app: name, region: REGION, now, command, processesOf });
    const deployToken = mintDeployToken();
    for (const token of [deployToken, ...apiTokens]) this.#platform.tokens.grant(token, name);
    this.#deployTokens.set(name, deployToken);
    this.#proxies.set(name, await startProxy(app, this.#options.authority));
    this.#platform.apps.set(name, app);
  }

  /** Removes an app and kills its machines. Its tokens stay valid, for nothing. */
  async removeApp(name: string): Promise<void> {
    const app = this.#app(name);
    this.#platform.apps.delete(name);
    await Promise.all([app.dispose(), this.#proxies.get(name)?.stop()]);
    this.#proxies.delete(name);
  }

  /** The app's deploy token as `fly tokens create deploy` prints it: `FlyV1 fm2_…,fm2_…`. */
  deployToken(app: string): string {
    return required(this.#deployTokens.get(app), app);
  }

  /** Every later request with this token is answered 401. */
  revokeToken(token: string): void {
    this.#platform.tokens.revoke(token);
  }

  /** Adds a machine; resolves to its id when its process runs (`started`), before its checks have passed. */
  async addMachine(app: string, { config, state }: NewMachine): Promise<string> {
    const machine = await this.#app(app).addMachine(config, state);
    return machine.id;
  }

  machines(app: string): MachineInspection[] {
    return [...this.#app(app).machines.values()].map(inspect);
  }

  /** Resolves when no machine of the app is between two states. */
  async settled(app: string): Promise<void> {
    await Promise.all([...this.#app(app).machines.values()].map((machine) => machine.settled()));
  }

  /** Ends every lease on the app's machines, as `fly machine leases clear` does. */
  clearLeases(app: string): void {
    const now = this.#platform.now();
    for (const { lease } of this.#app(app).machines.values()) {
      const held = lease.current(now);
      if (held) lease.release(held.nonce, now);
    }
  }

  secretNames(app: string): string[] {
    return this.#app(app)
      .vault.records()
      .map(({ name }) => name);
  }

  /** Base URL of the app behind Fly's proxy. */
  proxyUrl(app: string): string {
    return urlOf(required(this.#proxies.get(app), app));
  }

  /** Stops every server and kills every machine; resolves when none is left. */
  async stop(): Promise<void> {
    const servers = [this.#api, ...this.#proxies.values()];
    await Promise.all(servers.map((server) => server.stop()));
    await Promise.all([...this.#platform.apps.values()].map((app) => app.dispose()));
    await this.#watchdog.stop();
  }

  #app(name: string): App {
    return required(this.#platform.apps.get(name), name);
  }
}

const REGION = 'ams';

/** Starts the Machines API on a free port of 127.0.0.1, without apps. */
export async function startFly(options: FlyOptions): Promise<Fly> {
  const platform: Platform = {
    apps: new Map(),
    tokens: new AccessTokens(),
    faults: new Faults(),
    rateLimit: (options.rateLimit ?? true) ? new RateLimit() : undefined,
    requests: new RequestLog(),
    now: options.now ?? Date.now,
  };
  return new Fly(platform, options, await startApiServer(platform, options.authority));
}

function inspect(machine: Machine): MachineInspection {
  const { id, version, state, checks, boot, updates } = machine;
  return {
    id,
    instanceId: version.instanceId,
    state,
    secretsVersion: version.secrets.version,
    config: version.config,
    checks,
    pid: boot?.pid,
    url: boot && `http://127.0.0.1:${boot.port}`,
    updates,
  };
}

function urlOf(server: TlsServer): string {
  return `https://localhost:${server.port}`;
}

function required<T>(value: T | undefined, app: string): T {
  if (value === undefined) throw new Error(`no app ${app}: call createApp first`);
  return value;
}
