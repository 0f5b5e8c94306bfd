import type { Ask } from '../../controller/provider/ask.ts';
import { DeferredError } from '../../controller/provider/deferred-error.ts';
import type { EndpointLimits } from '../../controller/provider/endpoint.ts';
import { ProviderGate } from '../../controller/provider/gate.ts';
import { retryTime } from '../../src/binding/schedule.ts';
import { FailureError, failure } from '../../src/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ProviderMeters } from './provider-meters.ts';

/** A call that reached the provider. */
export interface Arrival {
  readonly key: string;
  /** Monotonic ms. */
  readonly at: number;
  readonly answered: boolean;
}

export const ENDPOINT = 'https://issuer.test/oauth/token';

/** Bindings at one gate in front of one provider; each comes back when it was told to, or by its own backoff. */
export class Crowd {
  readonly clock = new FakeClock();
  readonly meters = new ProviderMeters();
  readonly gate: ProviderGate;
  readonly arrivals: Arrival[] = [];
  /** How often the gate was asked. */
  asks = 0;
  isDown = false;
  readonly #answerMs: number;
  readonly #random: () => number;
  readonly #failures = new Map<string, number>();

  constructor(options: { limits: EndpointLimits; answerMs: number; random: () => number }) {
    this.gate = new ProviderGate({ clock: this.clock, limits: options.limits, meters: this.meters });
    this.#answerMs = options.answerMs;
    this.#random = options.random;
  }

  /** Keys in the order in which they were served. */
  get served(): string[] {
    return this.arrivals.filter(({ answered }) => answered).map(({ key }) => key);
  }

  wake(ask: Ask): void {
    this.asks += 1;
    this.gate
      .execute(ask, () => this.#arrive(ask.key))
      .catch((error: unknown) => {
        const at = error instanceof DeferredError ? error.until : this.#retryTime(ask);
        this.clock.after(at - this.clock.now(), () => this.wake(ask));
      });
  }

  async #arrive(key: string): Promise<void> {
    const answered = !this.isDown;
    this.arrivals.push({ key, at: this.clock.monotonic(), answered });
    if (this.#answerMs > 0) {
      await new Promise<void>((resolve) => this.clock.after(this.#answerMs, resolve));
    }
    if (!answered) throw new FailureError(failure('ProviderUnavailable', 'It does not answer.'));
  }

  #retryTime({ key, expiresAt }: Ask): number {
    const consecutive = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, consecutive);
    return retryTime({ disposition: 'retry', consecutive, expiresAt }, this.clock.now(), this.#random());
  }
}
