import assert from 'node:assert/strict';
import { createMetrics } from '../../controller/metrics.ts';
import type { CallLimits } from '../../src/http/egress.ts';
import { aBinding } from '../support/binding.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RandomNumbers } from '../support/random-numbers.ts';
import { SimulatedCluster } from '../support/simulated-cluster.ts';
import { SimulatedProcess } from '../support/simulated-process.ts';
import { type Arrival, type Issue, SimulatedProvider, type Weather } from '../support/simulated-provider.ts';

const SECOND = 1_000;
const WORKERS = 16;
const NAMESPACE = 'crowd';
const SEED = 20_261_124;

export interface CrowdedIssuerOptions {
  /** Bindings, all with one credential; named by `nameOf`. */
  readonly count: number;
  readonly lifetimeS: number;
  /** What the issuer allows. */
  readonly perSecond: number;
  /** When it answers 503, ms from the beginning. */
  readonly outage: { readonly from: number; readonly to: number };
}

export const nameOf = (index: number) => `binding-${index}`;

/**
 * Many bindings, worked on by one controller process in simulated time, at one issuer with a rate limit and an
 * outage. All of them are created at the beginning.
 */
export class CrowdedIssuer {
  readonly metrics = createMetrics({ version: '0' });
  /** What went wrong in the controller itself. */
  readonly faults: unknown[] = [];
  readonly #options: CrowdedIssuerOptions;
  readonly #clock = new FakeClock();
  readonly #start = this.#clock.monotonic();
  readonly #provider: SimulatedProvider;
  /** By binding: its tokens as they came to be in its Secret. */
  readonly #stored = new Map<string, { readonly at: number; readonly issue: Issue }[]>();
  #admittedUntil = Number.NEGATIVE_INFINITY;

  constructor(options: CrowdedIssuerOptions) {
    this.#options = options;
    const form = { lifetimeS: options.lifetimeS, kind: 'opaque', statesLifetime: true } as const;
    const delays = { skewMs: 0, latencyMs: 50 };
    this.#provider = new SimulatedProvider(this.#clock, { ...form, ...delays }, () => this.#weather());
    const random = new RandomNumbers(SEED);
    const habitat = {
      ...{ clock: this.#clock, cluster: this.#createCluster(), metrics: this.metrics, workers: WORKERS },
      random: () => random.next(),
      fetch: (limits: CallLimits) => this.#provider.fetch(limits),
      onFault: (error: unknown) => this.faults.push(error),
    };
    new SimulatedProcess(habitat, () => {});
  }

  /** Requests since the beginning, the oldest first, `at` from the beginning. */
  get arrivals(): Arrival[] {
    return this.#provider.arrivals.map((arrival) => ({ ...arrival, at: arrival.at - this.#start }));
  }

  /** Goes on until `time` from the beginning, in ms. */
  async goOnUntil(time: number): Promise<void> {
    await this.#clock.advance(this.#start + time - this.#clock.monotonic());
  }

  /** What the Secret of a binding held, the oldest first; times from the beginning, in ms. */
  heldBy(name: string): { readonly from: number; readonly expiresAt: number }[] {
    const since = (at: number) => at - this.#start;
    return (this.#stored.get(name) ?? []).map(({ at, issue }) => ({
      from: since(at),
      expiresAt: since(issue.expiresAt),
    }));
  }

  async metric(name: string): Promise<Record<string, number>> {
    const found = await this.metrics.registry.getSingleMetric(`tokenbinding_provider_${name}`)?.get();
    return Object.fromEntries(
      (found?.values ?? []).map(({ labels, value }) => [String(Object.values(labels)), value]),
    );
  }

  #createCluster(): SimulatedCluster {
    const cluster = new SimulatedCluster(
      () => undefined,
      (secret, text) => this.#store(secret, text),
    );
    const credential = { client_id: 'toolbridge', client_secret: 'of no use' };
    cluster.addCredential({ namespace: NAMESPACE, name: 'toolbridge-m2m' }, credential);
    for (let index = 0; index < this.#options.count; index += 1) cluster.add(bindingOf(index));
    return cluster;
  }

  /** The issuer's own limit: as many at once as in a second, after a pause of one. */
  #weather(): Weather {
    const { outage, perSecond } = this.#options;
    const now = this.#clock.monotonic() - this.#start;
    if (outage.from <= now && now < outage.to) return { kind: 'unavailable' };
    const next = Math.max(this.#admittedUntil, now - SECOND) + SECOND / perSecond;
    if (next > now) return { kind: 'limited', retryAfterS: 1 };
    this.#admittedUntil = next;
    return { kind: 'fine' };
  }

  #store(secret: string, text: string): void {
    const issue = this.#provider.issues.get(text);
    assert.ok(issue, 'a token that nobody issued is stored');
    this.#stored.set(secret, [...(this.#stored.get(secret) ?? []), { at: this.#clock.monotonic(), issue }]);
  }
}

function bindingOf(index: number) {
  const name = nameOf(index);
  return aBinding({
    metadata: { name, namespace: NAMESPACE, uid: `uid-${index}` },
    spec: {
      source: { auth0: { domain: 'issuer.test', audience: `https://${name}.test`, scopes: [] } },
      secret: { name, key: 'token' },
    },
  });
}

/** The binding that a request was for. */
export const bindingIn = ({ audience }: Arrival) => new URL(audience).hostname.replace('.test', '');
