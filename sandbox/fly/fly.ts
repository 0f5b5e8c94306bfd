import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Authority } from '../pki.ts';
import type { TlsServer } from '../tls-server.ts';
import { startWatchdog, type Watchdog } from '../watchdog/watchdog.ts';
import { AccessTokens, type Grant, mintToken } from './access-token.ts';
import { startApiServer } from './api-server.ts';
import { App } from './app.ts';
import { type Behaviour, USUAL_BEHAVIOUR } from './behaviour.ts';
import { Faults } from './fault.ts';
import type { Platform } from './gateway.ts';
import { inspect, type MachineInspection } from './inspection.ts';
import type { MachineConfig } from './machine-config.ts';
import type { BootContext } from './machine-host.ts';
import type { MachineCommand } from './machine-process.ts';
import type { RestingState } from './machine-state.ts';
import { Meddler } from './meddler.ts';
import { startProxy } from './proxy.ts';
import { RateLimit } from './rate-limit.ts';
import { RequestLog } from './request-log.ts';

export type { MachineInspection } from './inspection.ts';

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
  /** Where it differs from `USUAL_BEHAVIOUR` from the start. */
  readonly behaviour?: Partial<Behaviour>;
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
  /** What is undocumented or contradictory about the live service. To be set at any time. */
  readonly behaviour: Behaviour;
  readonly requests: RequestLog;
  readonly #platform: Platform;
  readonly #options: FlyOptions;
  readonly #place: Place;
  readonly #deployTokens = new Map<string, string>();
  readonly #proxies = new Map<string, TlsServer>();

  /** Called by `startFly`. */
  constructor(platform: Platform, options: FlyOptions, place: Place) {
    const { api } = place;
    this.apiUrl = urlOf(api);
    this.faults = platform.faults;
    this.behaviour = platform.behaviour;
    this.requests = platform.requests;
    this.#platform = platform;
    this.#options = options;
    this.#place = place;
  }

  /** Makes an app without secrets and machines, and its proxy. */
  async createApp({ name, apiTokens = [] }: NewApp): Promise<void> {
    const { now, behaviour, faults, tokens } = this.#platform;
    const { machineCommand: command, onOutput } = this.#options;
    const { watchdog, rootsIn } = this.#place;
    const processesOf = (id: string) => ({
      watchdog,
      onOutput: onOutput && ((text: string) => onOutput(id, text)),
    });
    const about = { app: name, region: REGION };
    const app = new App({ ...about, now, command, processesOf, rootsIn, behaviour, faults });
    const grant: Grant = { of: { app: name }, mayWrite: true };
    this.#deployTokens.set(name, this.issueToken(grant));
    for (const token of apiTokens) tokens.grant(token, grant);
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

  /**
   * Another token, as `fly tokens create` prints it: `deploy` (of one app), `org` or `readonly` (of the
   * organization `ORGANIZATION`, which all apps are in, or of a foreign one), `machine-exec`. `revokeToken` makes it
   * an expired one.
   */
  issueToken(grant: Grant): string {
    const token = mintToken();
    this.#platform.tokens.grant(token, grant);
    return token;
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
    const now = this.#platform.now();
    return this.#app(app).machines.map((machine) => inspect(machine, now));
  }

  /** Resolves when no machine of the app is between two states. */
  async settled(app: string): Promise<void> {
    await Promise.all(this.#app(app).machines.map((machine) => machine.settled()));
  }

  /** What others do to the app meanwhile. */
  meddle(app: string): Meddler {
    return new Meddler(this.#app(app), this.#platform.now);
  }

  /** Ends every lease on the app's machines, as `fly machine leases clear` does. */
  clearLeases(app: string): void {
    this.meddle(app).clearLeases();
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
    const { api, watchdog } = this.#place;
    const servers = [api, ...this.#proxies.values()];
    await Promise.all(servers.map((server) => server.stop()));
    await Promise.all([...this.#platform.apps.values()].map((app) => app.dispose()));
    await watchdog.stop();
  }

  #app(name: string): App {
    return required(this.#platform.apps.get(name), name);
  }
}

const REGION = 'ams';

/** What a `Fly` runs on. */
interface Place {
  readonly api: TlsServer;
  readonly watchdog: Watchdog;
  /** Directory for the root directories of all machines. */
  readonly rootsIn: string;
}

/** Starts the Machines API on a free port of 127.0.0.1, without apps. */
export async function startFly(options: FlyOptions): Promise<Fly> {
  const platform: Platform = {
    apps: new Map(),
    tokens: new AccessTokens(),
    faults: new Faults(),
    behaviour: { ...USUAL_BEHAVIOUR, ...options.behaviour },
    rateLimit: (options.rateLimit ?? true) ? new RateLimit() : undefined,
    requests: new RequestLog(),
    now: options.now ?? Date.now,
  };
  const api = await startApiServer(platform, options.authority);
  const rootsIn = await mkdtemp(join(tmpdir(), 'fly-'));
  const watchdog = startWatchdog();
  watchdog.removeLater(rootsIn);
  return new Fly(platform, options, { api, watchdog, rootsIn });
}

function urlOf(server: TlsServer): string {
  return `https://localhost:${server.port}`;
}

function required<T>(value: T | undefined, app: string): T {
  if (value === undefined) throw new Error(`no app ${app}: call createApp first`);
  return value;
}
