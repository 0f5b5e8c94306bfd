import type { KubeConfig } from '@kubernetes/client-node';
import { MANAGER } from '../src/binding/names.ts';
import { type Clock, sleep } from '../src/clock.ts';
import { createEgress } from '../src/http/egress.ts';
import { TokenBindings } from '../src/kubernetes/bindings.ts';
import { connect } from '../src/kubernetes/client.ts';
import { EventRecorder } from '../src/kubernetes/events.ts';
import { LeaseStore } from '../src/kubernetes/lease.ts';
import { Secrets } from '../src/kubernetes/secrets.ts';
import { ServiceAccountTokens } from '../src/kubernetes/service-account-tokens.ts';
import type { Config } from './config.ts';
import { fencedClient } from './fence.ts';
import { createElector, type Elector } from './leader.ts';
import type { Logger } from './log.ts';
import { Memory } from './memory.ts';
import type { Metrics } from './metrics.ts';
import { createOutgoing } from './outgoing.ts';
import { ProviderGate } from './provider/gate.ts';
import { reconcile } from './reconcile.ts';
import { RunRecorder } from './run-recorder.ts';
import { Term } from './term.ts';
import { wakeOnChange } from './triggers.ts';
import { keyOfBinding, type World } from './world.ts';

/** Bound of an ordinary call to the API server, in milliseconds. */
const API_DEADLINE_MS = 8_000;
/** How long events that wait may still be sent at the end, in milliseconds. */
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
  readonly #world: World;
  #term: Term | undefined;

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
    const { flyApiUrl, provider } = config;
    const limits = { ...provider, burst: provider.requestsPerSecond };
    const gate = new ProviderGate({ clock, limits, meters: metrics.gate });
    this.#bindings.onChange((key, _, next) => next ?? gate.forget(key));
    this.#world = {
      ...{ clock, random, bindings: this.#bindings, secrets: this.#secrets, events: this.#events },
      ...createOutgoing({ egress: this.#egress, remaining, metrics, clock, gate, userAgent, flyApiUrl }),
      serviceAccountTokens: new ServiceAccountTokens({ client: cache.client }),
      memory: new Memory(),
    };
  }

  /** Every cache has seen the cluster once; also true of a replica that only stands by. */
  get isReady(): boolean {
    return this.#bindings.hasSynced && this.#secrets.hasSynced;
  }

  get isStuck(): boolean {
    return this.#term?.isStuck ?? false;
  }

  /**
   * Works until `signal` aborts, then ends what is under way and gives the Lease back. A lost Lease ends a
   * term, not the process: it stands for election again, with an empty queue.
   */
  async run(signal: AbortSignal): Promise<void> {
    wakeOnChange(() => this.#term, this.#bindings, this.#secrets);
    this.#bindings.start();
    this.#secrets.start();
    while (!this.isReady && !signal.aborted) await sleep(this.#options.clock, 50, signal);
    while (!signal.aborted) {
      const electing = new AbortController();
      const election = this.#elector.run(electing.signal);
      await Promise.race([election, aborted(signal)]);
      await this.#term?.end();
      this.#term = undefined;
      this.#options.metrics.bindings.clear();
      electing.abort();
      await election;
    }
    await this.#close();
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
        this.#term = this.#createTerm();
        this.#term.start(config.workers, this.#bindings.list().map(keyOfBinding));
      },
      onStoppedLeading: () => {
        log.info({ identity }, 'no longer leading');
        this.#term?.abort();
        metrics.leader.set(0);
      },
      onError: (error) => log.warn({ err: error }, 'the Lease could not be read or written'),
    });
  }

  #createTerm(): Term {
    const { clock, log, metrics } = this.#options;
    const recorder = new RunRecorder(metrics, this.#bindings, clock);
    return new Term({
      ...{ clock, log, meters: metrics.workqueue },
      reconcile: (key, runLog, signal) => reconcile(this.#world, key, runLog, signal),
      onRun: (key, result, seconds) => recorder.record(key, result, seconds),
    });
  }
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
