import type { Clock } from '../../src/clock.ts';
import type { Ask } from './ask.ts';
import type { Circuit } from './breaker.ts';
import { type DeferralReason, DeferredError } from './deferred-error.ts';
import { Endpoint, type EndpointLimits } from './endpoint.ts';

/** What the gate tells of itself, for metrics. */
export interface GateMeters {
  /** Endpoints whose circuit is not closed. */
  circuitsOpen(endpoints: number): void;
  circuitChanged(state: Circuit): void;
  deferred(reason: DeferralReason): void;
}

export interface ProviderGateOptions {
  readonly clock: Clock;
  /** Of each endpoint. */
  readonly limits: EndpointLimits;
  readonly meters: GateMeters;
}

/** An endpoint that nobody asks for this long is forgotten, in ms. */
const IDLE_MS = 3_600_000;
/** How often idle endpoints are looked for, in ms. */
const SWEEP_MS = 600_000;

/**
 * What stands between many bindings and one provider: a rate, a bound of calls under way and a circuit
 * breaker per endpoint. Nobody sleeps here: who may not ask now is told when to come back, and the queue
 * wakes it.
 */
export class ProviderGate {
  readonly #options: ProviderGateOptions;
  readonly #endpoints = new Map<string, Endpoint>();

  constructor(options: ProviderGateOptions) {
    this.#options = options;
  }

  /**
   * Makes the call if it is this binding's turn.
   *
   * @throws DeferredError without making it, if it is not; whatever the call throws
   */
  async execute<T>(ask: Ask, call: () => Promise<T>): Promise<T> {
    try {
      return await this.#endpoint(ask.endpoint).execute(ask, call);
    } catch (error) {
      if (error instanceof DeferredError) this.#options.meters.deferred(error.reason);
      throw error;
    }
  }

  /** The binding is gone: it waits no longer. */
  forget(key: string): void {
    for (const endpoint of this.#endpoints.values()) endpoint.forget(key);
  }

  #endpoint(url: string): Endpoint {
    const known = this.#endpoints.get(url);
    if (known) return known;
    const { clock, limits, meters } = this.#options;
    const endpoint = new Endpoint(clock, limits, (circuit) => {
      meters.circuitChanged(circuit);
      this.#countCircuits();
    });
    if (this.#endpoints.size === 0) clock.after(SWEEP_MS, () => this.#sweep());
    this.#endpoints.set(url, endpoint);
    return endpoint;
  }

  #sweep(): void {
    const { clock } = this.#options;
    const idleSince = clock.monotonic() - IDLE_MS;
    for (const [url, { usedAt }] of this.#endpoints) if (usedAt < idleSince) this.#endpoints.delete(url);
    this.#countCircuits();
    if (this.#endpoints.size > 0) clock.after(SWEEP_MS, () => this.#sweep());
  }

  #countCircuits(): void {
    const open = [...this.#endpoints.values()].filter(({ circuit }) => circuit !== 'closed');
    this.#options.meters.circuitsOpen(open.length);
  }
}
