import type { Logger } from '../../controller/log.ts';
import { Memory } from '../../controller/memory.ts';
import type { Metrics } from '../../controller/metrics.ts';
import { createOutgoing } from '../../controller/outgoing.ts';
import { ProviderGate } from '../../controller/provider/gate.ts';
import { reconcile } from '../../controller/reconcile.ts';
import { Workers } from '../../controller/worker.ts';
import { WorkQueue } from '../../controller/workqueue.ts';
import { OutdatedError, type World } from '../../controller/world.ts';
import type { Clock } from '../../src/clock.ts';
import type { Egress } from '../../src/http/egress.ts';
import { ApiError } from '../../src/kubernetes/api-error.ts';
import { ServiceAccountTokens } from '../../src/kubernetes/service-account-tokens.ts';
import type { ClusterWorld } from './simulated-cluster.ts';

/** Where processes live, one after the other. */
export interface Habitat {
  readonly clock: Clock;
  readonly random: () => number;
  readonly cluster: ClusterWorld;
  readonly fetch: Egress['fetch'];
  /** Shared by all: what they measure is looked at nowhere. */
  readonly metrics: Metrics;
  /** Bindings worked on at once; all of them when absent, so that nothing ready waits while time stands still. */
  readonly workers?: number;
  /** Told whatever a run threw that no cluster explains: a fault of the controller. */
  readonly onFault: (error: unknown) => void;
}

/** When a process is to die: before or after its next write to the cluster. */
export type Fate = 'before write' | 'after write';

const PROVIDER = { requestsPerSecond: 10, concurrency: 4, burst: 10 };

/**
 * A controller between its queue and the wire, with the memory of a process that has just started. After its
 * death nothing of it goes on: what it waited for never comes, and its timers do nothing.
 */
export class SimulatedProcess {
  readonly #habitat: Habitat;
  readonly #queue: WorkQueue;
  readonly #onDeath: () => void;
  #fate: Fate | undefined;
  #isDead = false;

  constructor(habitat: Habitat, onDeath: () => void) {
    this.#habitat = habitat;
    this.#onDeath = onDeath;
    const clock = this.#mortal(habitat.clock);
    this.#queue = new WorkQueue(clock, habitat.metrics.workqueue);
    const world = this.#world(clock);
    const workers = new Workers({
      ...{ queue: this.#queue, clock, onRun: () => {} },
      log: loggerOf((error) => isExplained(error) || habitat.onFault(error)),
      reconcile: (key, log, signal) => reconcile(world, key, log, signal),
    });
    const keys = habitat.cluster.bindings
      .list()
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    void workers.run(habitat.workers ?? keys.length, new AbortController().signal);
    for (const key of keys) this.#queue.add(key, 'low');
  }

  /** A binding waits to be worked on. */
  get isBusy(): boolean {
    return !this.#isDead && this.#queue.length > 0;
  }

  /** A person changed that binding. */
  wake(key: string): void {
    if (!this.#isDead) this.#queue.add(key, 'high');
  }

  /** @param fate now when absent */
  doom(fate?: Fate): void {
    if (fate === undefined) this.#die();
    else this.#fate = fate;
  }

  #die(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#onDeath();
  }

  #world(clock: Clock): World {
    const { cluster, random, metrics } = this.#habitat;
    const { bindings, secrets } = cluster;
    const fetch: Egress['fetch'] = (limits) => {
      const send = this.#habitat.fetch(limits);
      return (input, init) => this.#whileAlive(() => send(input, init));
    };
    const meters = metrics.gate;
    const outgoing = createOutgoing({
      ...{
        egress: { fetch, close: async () => {} },
        remaining: () => Number.POSITIVE_INFINITY,
        metrics,
        clock,
      },
      ...{ gate: new ProviderGate({ clock, limits: PROVIDER, meters }), flyApiUrl: '', userAgent: '' },
    });
    return {
      ...{ ...outgoing, clock, random, memory: new Memory(), events: { record: () => {} } },
      serviceAccountTokens: new ServiceAccountTokens({ client: noClient }),
      bindings: {
        ...bindings,
        patchStatus: (...patch) => this.#write(() => bindings.patchStatus(...patch)),
      },
      secrets: {
        metadata: secrets.metadata,
        read: (...request) => this.#whileAlive(() => secrets.read(...request)),
        create: (...write) => this.#write(() => secrets.create(...write)),
        apply: (...write) => this.#write(() => secrets.apply(...write)),
        remove: (...write) => this.#write(() => secrets.remove(...write)),
      },
    };
  }

  async #write<T>(work: () => Promise<T>): Promise<T> {
    if (this.#fate === 'before write') this.#die();
    return this.#whileAlive(async () => {
      const answer = await work();
      if (this.#fate === 'after write') this.#die();
      return answer;
    });
  }

  async #whileAlive<T>(work: () => Promise<T>): Promise<T> {
    const never = () => new Promise<never>(() => {});
    if (this.#isDead) return never();
    try {
      const answer = await work();
      return this.#isDead ? never() : answer;
    } catch (error) {
      if (this.#isDead) return never();
      throw error;
    }
  }

  #mortal(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (delayMs, callback) => clock.after(delayMs, () => this.#isDead || callback()),
    };
  }
}

const isExplained = (error: unknown) => error instanceof ApiError || error instanceof OutdatedError;

/** Keeps nothing but errors. */
function loggerOf(onError: (error: unknown) => void): Logger {
  const log = (fields: Readonly<Record<string, unknown>>) => {
    if ('err' in fields) onError(fields.err);
  };
  const logger: Logger = {
    ...{ trace: log, debug: log, info: log, warn: log, error: log, fatal: log },
    child: () => logger,
  };
  return logger;
}

const noClient = {
  call: () => Promise.reject(new Error('no binding here has a ServiceAccount')),
  stream: () => Promise.reject(new Error('nothing here watches')),
  close: () => Promise.resolve(),
};
