import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Caller, startCaller } from './caller.ts';
import {
  CHART_NAMESPACE,
  type ChartValues,
  type InstalledChart,
  installChart,
  uninstallChart,
} from './chart.ts';
import { ClusterObjects } from './cluster-objects.ts';
import {
  type ControlPlane,
  type Environment,
  openControlPlane,
  type ProgressStream,
} from './control-plane/index.ts';
import { type ControllerProcess, startControllerProcess } from './controller-process.ts';
import type { ExampleSetting } from './example.ts';
import { type Outside, type OutsideOptions, startOutside } from './outside-world.ts';
import { startWatchdog, type Watchdog } from './watchdog/watchdog.ts';

export interface WorldOptions extends Partial<Omit<OutsideOptions, 'directory'>> {
  /** Where to find, or how to build, the control plane; see `openControlPlane`. */
  readonly env: Environment;
  /** Told what is being started and built. */
  readonly progress: ProgressStream;
  /** Ends the start early, everything cleaned up. */
  readonly signal?: AbortSignal;
  /** Further flags of kube-apiserver. */
  readonly apiServerFlags?: readonly string[];
}

export interface StartControllerOptions {
  /** Default: `controller-` and a random suffix. */
  readonly identity?: string;
  /** After all others, so they win. */
  readonly extraArgs?: readonly string[];
  readonly onLine?: (line: string) => void;
}

const GRACE_MS = 3_000;

/** Everything a controller meets: a Kubernetes API, an issuer, the API its tokens are for, Fly, and callers. */
export class World {
  readonly cluster: ControlPlane;
  readonly outside: Outside;
  readonly objects: ClusterObjects;
  readonly #options: WorldOptions;
  readonly #watchdog: Watchdog;
  readonly #stack: AsyncDisposableStack;
  readonly #controllers: ControllerProcess[] = [];
  readonly #namespaces: string[] = [];
  #chart: InstalledChart | undefined;

  /** Called by `startWorld`. */
  constructor(options: WorldOptions, parts: Pick<World, 'cluster' | 'outside'> & Guards) {
    this.#options = options;
    this.cluster = parts.cluster;
    this.outside = parts.outside;
    this.objects = new ClusterObjects(parts.cluster.adminKubeconfig);
    this.#watchdog = parts.watchdog;
    this.#stack = parts.stack;
  }

  /** What an example must name to work here. */
  get example(): ExampleSetting {
    const { issuer, audience, client, app, fly } = this.outside;
    const { id: clientId, secret: clientSecret } = client;
    return { domain: issuer.domain, audience, clientId, clientSecret, app, apiToken: fly.deployToken(app) };
  }

  /** @throws when it is there already: what we make, we remove from somebody else's cluster in the end */
  async createNamespace(name: string): Promise<void> {
    const { code, stderr } = await this.cluster.kubectl(['create', 'namespace', name]);
    if (code !== 0) throw new Error(`namespace ${name} cannot be made for the sandbox: ${stderr.trim()}`);
    this.#namespaces.push(name);
  }

  /** Installs the chart: CRD, rights and ServiceAccount are at work; there is no node to run its Pod. */
  async installChart(values: ChartValues = {}): Promise<void> {
    this.#say('installing the chart');
    await this.createNamespace(CHART_NAMESPACE);
    const ours = {
      // The controller is a process of ours, and what we put into somebody's cluster is to go again.
      ...{ replicaCount: 0, crds: { keep: false } },
      ...{ flyApiUrl: this.outside.fly.apiUrl, extraArgs: ['--egress-allow-loopback'] },
    };
    this.#chart = await installChart(this.cluster, { ...ours, ...values });
  }

  /**
   * Starts a controller with the flags of the chart's Deployment, as the chart's ServiceAccount.
   *
   * @throws when the chart is not installed, or the controller ends at once
   */
  async startController(options: StartControllerOptions = {}): Promise<ControllerProcess> {
    const { identity = `controller-${randomUUID().slice(0, 8)}`, extraArgs = [], onLine } = options;
    if (!this.#chart) throw new Error('call installChart first: the controller acts as its ServiceAccount');
    const { account, args } = this.#chart;
    this.#say(`starting controller ${identity}`);
    const pod: Readonly<Record<string, string>> = { POD_NAME: identity, POD_NAMESPACE: account.namespace };
    const flags = [
      ...args.map((arg) => arg.replace(/\$\((\w+)\)/g, (whole, name) => pod[name] ?? whole)),
      `--kubeconfig=${await this.cluster.kubeconfigFor(account)}`,
      `--ca-file=${this.outside.caFile}`,
      '--metrics-bind-address=127.0.0.1:0',
      ...extraArgs,
    ];
    const controller = await startControllerProcess({
      ...{ watchdog: this.#watchdog, identity, args: flags, onLine },
    });
    this.#controllers.push(controller);
    return controller;
  }

  /** MCP clients that call the consumer on Fly until the world stops. */
  startCaller(sessions = 2, pauseMs = 50): Caller {
    const { fly, app, caPem } = this.outside;
    const caller = startCaller({ url: `${fly.proxyUrl(app)}/mcp`, caPem, sessions, pauseMs });
    this.#stack.defer(() => caller.stop());
    return caller;
  }

  /** Ends every process and removes every file, and what was put into somebody else's cluster. */
  async stop(): Promise<void> {
    try {
      // The controllers must still run: a binding that promises a cleanup goes only after that.
      if (this.#options.env.USE_EXISTING_CLUSTER === 'true') await this.#leaveCluster();
    } finally {
      await this.#stopControllers();
      await this.#stack.disposeAsync();
    }
  }

  async #leaveCluster(): Promise<void> {
    this.#say('removing what was installed');
    const own = this.#namespaces.filter((name) => name !== CHART_NAMESPACE);
    const remove = ['delete', 'namespace', '--timeout=60s', '--ignore-not-found'];
    if (own.length > 0) await this.cluster.kubectl([...remove, ...own]);
    if (this.#chart) await uninstallChart(this.cluster);
    if (this.#namespaces.includes(CHART_NAMESPACE)) await this.cluster.kubectl([...remove, CHART_NAMESPACE]);
  }

  /** They get a moment to give their Lease back. */
  async #stopControllers(): Promise<void> {
    for (const controller of this.#controllers) controller.kill('SIGTERM');
    const ended = Promise.all(this.#controllers.map(({ stopped }) => stopped));
    const waiting = new AbortController();
    const grace = sleep(GRACE_MS, undefined, { signal: waiting.signal }).catch(() => {});
    await Promise.race([ended, grace]);
    waiting.abort();
  }

  #say(line: string): void {
    this.#options.progress.write(`${line}\n`);
  }
}

interface Guards {
  readonly watchdog: Watchdog;
  readonly stack: AsyncDisposableStack;
}

/**
 * Starts a world without chart and controller: two machines and tokens of one minute unless told otherwise. All
 * of it ends with this process, however that ends.
 */
export async function startWorld(options: WorldOptions): Promise<World> {
  const stack = new AsyncDisposableStack();
  try {
    return await start(options, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function start(options: WorldOptions, stack: AsyncDisposableStack): Promise<World> {
  const { env, progress, signal, apiServerFlags } = options;
  const watchdog = startWatchdog();
  stack.defer(() => watchdog.stop());
  const directory = await mkdtemp(join(tmpdir(), 'sandbox-'));
  watchdog.removeLater(directory);
  const log = (line: string) => void progress.write(`${line}\n`);
  const cluster = await openControlPlane(env, {
    ...{ progress, log },
    ...(signal && { signal }),
    ...(apiServerFlags && { apiServerFlags }),
  });
  stack.defer(() => cluster.stop());
  signal?.throwIfAborted();
  const { tokenLifetimeSeconds = 60, machines = 2, clients = [], audiences = [], rateLimit = true } = options;
  log(`starting issuer, API and Fly with ${machines} machines`);
  const outside = await startOutside(stack, {
    directory,
    ...{ tokenLifetimeSeconds, machines, clients, audiences, rateLimit },
  });
  signal?.throwIfAborted();
  return new World(options, { cluster, outside, watchdog, stack });
}
