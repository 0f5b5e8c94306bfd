import type { KubeConfig } from '@kubernetes/client-node';
import { MANAGER } from '../src/binding/names.ts';
import { type Clock, sleep } from '../src/clock.ts';
import { createEgress } from '../src/http/egress.ts';
import { TokenBindings } from '../src/kubernetes/bindings.ts';
import { connect } from '../src/kubernetes/client.ts';
import { EventRecorder } from '../src/kubernetes/events.ts';
import { LeaseStore } from '../src/kubernetes/lease.ts';
import { Secrets } from '../src/kubernetes/secrets.ts';
import type { Config } from './config.ts';
import { fencedClient } from './fence.ts';
import { createElector, type Elector } from './leader.ts';
import type { Logger } from './log.ts';
import { Memory } from './memory.ts';
import type { Metrics } from './metrics.ts';
import { createOutgoing } from './outgoing.ts';
import { reconcile } from './reconcile.ts';
import { RunRecorder } from './run-recorder.ts';
import { wakeOnChange } from './triggers.ts';
import { Workers } from './worker.ts';
import { WorkQueue } from './workqueue.ts';
import type { World } from './world.ts';

/** Bound of an ordinary call to the API server, in milliseconds. */
const API_DEADLINE_MS = 8_000;
/** How long runs under way may go on after a stop was asked for, and events may be sent. */
const DRAIN_MS = 20_000;
const FLUSH_MS = 3_000;

export interface ControllerOptions {
  readonly config: Config;
  readonly kubeConfig: KubeConfig;
  /** PEM certificates trusted besides Node's own. */
  readonly ca: readonly string[];
  readonly version: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** The controller without its process: caches, election, queue and workers, wired once. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #client;
  readonly #egress;
  readonly #bindings: TokenBindings;
  readonly #secrets: Secrets;
  readonly #events: EventRecorder;
  readonly #elector: Elector;
  readonly #queue: WorkQueue;
  readonly #workers: Workers;
  readonly #aborting = new AbortController();
  #working: Promise<void> = Promise.resolve();

  constructor(options: ControllerOptions) {
    this.#options = options;
    const { config, clock, random, log, metrics, version } = options;
    const userAgent = `${MANAGER}/${version}`;
    const remaining = () => this.#elector.remainingMs();
    this.#client = connect(options.kubeConfig, { deadlineMs: API_DEADLINE_MS, userAgent });
    this.#egress = createEgress({ ca: options.ca, ...config.egress });
    const cache = {
      ...{ clock, random, namespaces: config.watchNamespaces },
      client: fencedClient(this.#client, remaining, API_DEADLINE_MS),
      onError: (error: unknown) => log.warn({ err: error }, 'a watch was interrupted and goes on'),
    };
    this.#bindings = new TokenBindings(cache);
    this.#secrets = new Secrets(cache);
    const { identity } = config.leaderElection;
    const onError = (error: unknown) => log.warn({ err: error }, 'an event was given up');
    this.#events = new EventRecorder({ client: this.#client, clock, random, instance: identity, onError });
    this.#elector = this.#createElector();
    this.#queue = new WorkQueue(clock, metrics.workqueue);
    this.#workers = this.#createWorkers(
      createOutgoing({
        egress: this.#egress,
        remaining,
        metrics,
        clock,
        userAgent,
        flyApiUrl: config.flyApiUrl,
      }),
    );
  }

  /** Every cache has seen the cluster once; also true of a replica that only stands by. */
  get isReady(): boolean {
    return this.#bindings.hasSynced && this.#secrets.hasSynced;
  }

  get isStuck(): boolean {
    return this.#workers.isStuck;
  }

  /**
   * Works until `signal` aborts, then ends what is under way and gives the Lease back.
   *
   * @returns whether it ended because it was asked to; false when the Lease was lost
   */
  async run(signal: AbortSignal): Promise<boolean> {
    wakeOnChange(
      (key, priority) => this.#elector.isLeader() && this.#queue.add(key, priority),
      this.#bindings,
      this.#secrets,
    );
    this.#bindings.start();
    this.#secrets.start();
    while (!this.isReady && !signal.aborted) await sleep(this.#options.clock, 50, signal);
    const electing = new AbortController();
    const election = this.#elector.run(electing.signal);
    await Promise.race([election, aborted(signal)]);
    const asked = signal.aborted;
    if (!asked) this.#aborting.abort(new Error('the Lease was lost'));
    await this.#drain();
    electing.abort();
    await election;
    await this.#close();
    return asked;
  }

  /** Lets the runs under way end by themselves, and ends them when that takes too long. */
  async #drain(): Promise<void> {
    const done = new AbortController();
    const drained = this.#queue.shutdown().then(() => done.abort());
    await sleep(this.#options.clock, DRAIN_MS, done.signal);
    this.#aborting.abort(new Error('the controller is stopping'));
    await drained;
    await this.#working;
  }

  async #close(): Promise<void> {
    await this.#events.flush(FLUSH_MS);
    await Promise.all([this.#bindings.stop(), this.#secrets.stop()]);
    await Promise.all([this.#client.close(), this.#egress.close()]);
  }

  #createElector(): Elector {
    const { config, clock, random, log, metrics } = this.#options;
    const { namespace, leaseName: name, identity, timing } = config.leaderElection;
    return createElector({
      store: new LeaseStore(this.#client, { namespace, name }),
      ...{ identity, timing, clock, random },
      onStartedLeading: () => {
        log.info({ identity }, 'leading');
        metrics.leader.set(1);
        this.#working = this.#workers.run(config.workers, this.#aborting.signal);
        for (const { metadata } of this.#bindings.list()) {
          this.#queue.add(`${metadata.namespace}/${metadata.name}`, 'low');
        }
      },
      onStoppedLeading: () => {
        log.info({ identity }, 'no longer leading');
        metrics.leader.set(0);
      },
      onError: (error) => log.warn({ err: error }, 'the Lease could not be read or written'),
    });
  }

  #createWorkers(outgoing: ReturnType<typeof createOutgoing>): Workers {
    const { clock, random, log, metrics } = this.#options;
    const world: World = {
      ...{ clock, random, ...outgoing },
      ...{ bindings: this.#bindings, secrets: this.#secrets, events: this.#events, memory: new Memory() },
    };
    const recorder = new RunRecorder(metrics, this.#bindings, clock);
    return new Workers({
      ...{ queue: this.#queue, clock, log },
      reconcile: (key, runLog, signal) => reconcile(world, key, runLog, signal),
      onRun: (key, result, seconds) => recorder.record(key, result, seconds),
    });
  }
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
