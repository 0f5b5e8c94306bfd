import { setTimeout as delay } from 'node:timers/promises';
import { createLogger, type Logger } from '../../controller/log.ts';
import { Memory } from '../../controller/memory.ts';
import { reconcile } from '../../controller/reconcile.ts';
import { OutdatedError, type World } from '../../controller/world.ts';
import { type Clock, systemClock } from '../../src/clock.ts';
import { createFlyApp } from '../../src/fly/fly-app.ts';
import { hasReason } from '../../src/kubernetes/api-error.ts';
import { TokenBindings } from '../../src/kubernetes/bindings.ts';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import { Secrets } from '../../src/kubernetes/secrets.ts';
import { ServiceAccountTokens } from '../../src/kubernetes/service-account-tokens.ts';
import { Discovery } from '../../src/oauth/discovery.ts';
import { probeToken } from '../../src/oauth/probe.ts';
import { requestToken } from '../../src/oauth/token-request.ts';
import { type Death, Mortal } from './mortal.ts';
import { until } from './until.ts';

/** Where processes live, one after the other. */
export interface Surroundings {
  readonly client: KubernetesClient;
  /** Reaches issuer and Fly. */
  readonly fetch: typeof globalThis.fetch;
  readonly flyApiUrl: string;
  readonly namespace: string;
  readonly clock: Clock;
}

/** A run that has not come to rest by then hangs. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 20;

const silence: Logger = createLogger({
  level: 'fatal',
  clock: systemClock,
  destination: { write: () => true },
});

/** Everything of a controller between its queue and the wire, with the memory of a process that just started. */
export class CrashingWorld {
  readonly #life: Mortal;
  readonly #world: World;
  readonly #caches: readonly [TokenBindings, Secrets];

  private constructor(life: Mortal, world: World, caches: readonly [TokenBindings, Secrets]) {
    this.#life = life;
    this.#world = world;
    this.#caches = caches;
  }

  /** Starts a process and waits until it has seen the cluster. */
  static async start(surroundings: Surroundings, death?: Death): Promise<CrashingWorld> {
    const { clock, flyApiUrl: baseUrl, namespace } = surroundings;
    const life = new Mortal(death);
    const fetch = life.fetch(surroundings.fetch);
    const client = life.client(surroundings.client);
    const random = () => 0.5;
    // Real time: a stream must not look silent because waits are hurried.
    const cache = { client, random, clock: systemClock, namespaces: [namespace], onError: () => {} };
    const bindings = new TokenBindings(cache);
    const secrets = new Secrets(cache);
    for (const informers of [bindings, secrets]) informers.start();
    await until(() => bindings.hasSynced && secrets.hasSynced, 'the caches are filled');
    const discovery = new Discovery({ clock, fetch });
    const world: World = {
      ...{ clock, random, bindings, secrets, memory: new Memory(), events: { record: () => {} } },
      requestToken: (request, _ask, signal) => requestToken(request, { fetch, clock, signal, discovery }),
      probeToken: (probe, token, runSignal) => probeToken(probe, token, { fetch, signal: runSignal }),
      serviceAccountTokens: new ServiceAccountTokens({ client }),
      flyApp: (app, apiToken) => createFlyApp({ baseUrl, app, apiToken, fetch, clock, userAgent: 'test' }),
    };
    return new CrashingWorld(life, world, [bindings, secrets]);
  }

  /** What the world has felt of it. */
  get effects(): readonly string[] {
    return this.#life.effects;
  }

  /**
   * Works on a binding until nothing is left to do, or until it dies.
   *
   * @returns whether it is still alive
   */
  async settle(key: string): Promise<boolean> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    while (!(await this.#isSettledAfterRun(key, signal)) && !this.#life.isDead) {
      signal.throwIfAborted();
      await delay(PAUSE_MS);
    }
    return !this.#life.isDead;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#caches.map((informers) => informers.stop()));
  }

  async #isSettledAfterRun(key: string, signal: AbortSignal): Promise<boolean> {
    try {
      const outcome = await reconcile(this.#world, key, silence, signal);
      return outcome === undefined || outcome.rest === 'current' || outcome.rest === 'removed';
    } catch (error) {
      const passes = error instanceof OutdatedError || hasReason(error, 'Conflict') || this.#life.isDead;
      if (passes) return false;
      throw error;
    }
  }
}
