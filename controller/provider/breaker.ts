import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  type IBackoffFactory,
  IterableBackoff,
} from 'cockatiel';
import type { Clock } from '../../src/clock.ts';
import { FailureError } from '../../src/failure.ts';

/** Label of `tokenbinding_provider_circuit_transitions_total`. */
export type Circuit = 'closed' | 'open' | 'half_open';

/** Failures in a row that open the circuit. */
const FAILURES = 5;
/** Bindings that must have had them: one alone may fail by its own doing (an Action that throws). */
const BINDINGS = 2;
/** How long the circuit rests open, time after time until a probe is answered, in ms. */
const RESTS = new IterableBackoff([10_000, 20_000, 40_000, 60_000]);
/** Least time between two tries by pressing bindings while it is not closed, in ms. */
const PRESSING_REST_MS = 1_000;
/** When to look again while a probe is under way, in ms. */
const PROBE_MS = 1_000;

const NAMES: Readonly<Record<CircuitState, Circuit>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.Isolated]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
};

/**
 * The circuit of one endpoint: cockatiel's breaker without its clock. cockatiel leaves the open state by the
 * wall clock, which may be set back; here `askableAt` says, by the monotonic clock, when a call may be tried.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #streak = new FailureStreak(FAILURES);
  readonly #policy: CircuitBreakerPolicy;
  #rests: IBackoffFactory<unknown> = RESTS;
  #restsUntil = Number.NEGATIVE_INFINITY;
  /** Last failure that opened it, or last call that was tried since. */
  #triedAt = 0;

  /** @param onChange told each change of state, after it */
  constructor(clock: Clock, onChange: (state: Circuit) => void) {
    this.#clock = clock;
    this.#policy = circuitBreaker(
      handleWhen((error) => this.#isFailure(error)),
      { breaker: this.#streak, halfOpenAfter: Number.NEGATIVE_INFINITY },
    );
    this.#policy.onStateChange((state) => {
      this.#changed(state);
      onChange(NAMES[state]);
    });
  }

  get state(): Circuit {
    return NAMES[this.#policy.state];
  }

  /**
   * From when on (monotonic ms) a call may be tried; while the circuit is open, that call is the probe.
   * Pressing bindings need not wait for the end of a rest or of a probe, but for each other.
   */
  askableAt(pressing: boolean, now: number): number {
    if (this.state === 'closed') return Number.NEGATIVE_INFINITY;
    if (pressing) return this.#triedAt + PRESSING_REST_MS;
    return this.state === 'open' ? this.#restsUntil : now + PROBE_MS;
  }

  /**
   * Makes the call, and learns from how it ends. Not to be called before `askableAt`.
   *
   * @param key the binding that asks
   */
  async execute<T>(key: string, call: () => Promise<T>): Promise<T> {
    const before = this.state;
    if (before !== 'closed') this.#triedAt = this.#clock.monotonic();
    // Beside a probe: cockatiel would keep it waiting for the probe's end, which alone decides.
    if (before === 'half_open') return call();
    const answer = await this.#policy.execute(() => this.#answerOf(key, call));
    if ('refusal' in answer) throw answer.refusal;
    return answer.value;
  }

  /** A refusal is an answer, too: who refuses one client is there for the others. */
  async #answerOf<T>(key: string, call: () => Promise<T>): Promise<{ value: T } | { refusal: FailureError }> {
    try {
      return { value: await call() };
    } catch (error) {
      if (isOutage(error)) this.#streak.blame(key);
      else if (error instanceof FailureError) return { refusal: error };
      throw error;
    }
  }

  /** A call that was broken off says nothing; but as a probe it fails, for it must not close the circuit. */
  #isFailure(error: unknown): boolean {
    return isOutage(error) || this.state === 'half_open';
  }

  #changed(state: CircuitState): void {
    if (state === CircuitState.Closed) {
      this.#rests = RESTS;
      this.#restsUntil = Number.NEGATIVE_INFINITY;
    }
    if (state === CircuitState.Open) this.#rest();
  }

  #rest(): void {
    this.#triedAt = this.#clock.monotonic();
    // A pressing binding that failed early leaves the rest as it is: its trouble may be its own.
    if (this.#triedAt < this.#restsUntil) return;
    const rest = this.#rests.next(undefined);
    this.#rests = rest;
    this.#restsUntil = this.#triedAt + rest.duration;
  }
}

/** Counts failures in a row and whose they are. */
class FailureStreak extends ConsecutiveBreaker {
  readonly #keys = new Set<string>();

  blame(key: string): void {
    this.#keys.add(key);
  }

  override success(): void {
    super.success();
    this.#keys.clear();
  }

  override failure(): boolean {
    return super.failure() && this.#keys.size >= BINDINGS;
  }
}

function isOutage(error: unknown): error is FailureError {
  return error instanceof FailureError && error.failure.reason === 'ProviderUnavailable';
}
