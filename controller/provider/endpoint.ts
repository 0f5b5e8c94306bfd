import type { Clock } from '../../src/clock.ts';
import { FailureError } from '../../src/failure.ts';
import { type Ask, isPressing } from './ask.ts';
import { Breaker, type Circuit } from './breaker.ts';
import { DeferredError } from './deferred-error.ts';
import { Rate, type RateLimits } from './rate.ts';
import { WaitingRoom } from './waiting-room.ts';

/** What one endpoint is asked at most. */
export interface EndpointLimits extends RateLimits {
  /** Calls under way at once: 1.. */
  readonly concurrency: number;
}

/** A floor up to here holds the whole endpoint, in ms; a longer one is about the quota of one client. */
const LONGEST_HOLD_MS = 60_000;

/**
 * A turn further off than twice this, in ms, is a guess: the line is looked at again before. At least as
 * long as any hold and any rest.
 */
const LOOK_AGAIN_MS = 60_000;

/** One token endpoint: who may ask now, and when the others may. Times are monotonic ms. */
export class Endpoint {
  readonly #clock: Clock;
  readonly #concurrency: number;
  readonly #rate: Rate;
  readonly #breaker: Breaker;
  readonly #room = new WaitingRoom();
  /** Calls under way, in the order of their start. */
  readonly #calls = new Set<{ readonly startedAt: number }>();
  #usedAt: number;

  constructor(clock: Clock, limits: EndpointLimits, onChange: (circuit: Circuit) => void) {
    this.#clock = clock;
    this.#concurrency = limits.concurrency;
    this.#rate = new Rate(limits);
    this.#usedAt = clock.monotonic();
    this.#breaker = new Breaker(clock, (circuit) => {
      // A provider that has just come back is not greeted with a burst.
      if (circuit === 'closed') this.#rate.hold(clock.monotonic() + this.#rate.intervalMs);
      onChange(circuit);
    });
  }

  get circuit(): Circuit {
    return this.#breaker.state;
  }

  /** When it was last asked for. */
  get usedAt(): number {
    return this.#usedAt;
  }

  /** @throws DeferredError when it is not this one's turn; whatever the call throws */
  async execute<T>(ask: Ask, call: () => Promise<T>): Promise<T> {
    this.#admit(ask);
    const underWay = { startedAt: this.#clock.monotonic() };
    this.#calls.add(underWay);
    try {
      return await this.#breaker.execute(ask.key, call);
    } catch (error) {
      this.#heed(error);
      throw error;
    } finally {
      this.#calls.delete(underWay);
    }
  }

  forget(key: string): void {
    this.#room.leave(key);
  }

  #admit(ask: Ask): void {
    const now = this.#clock.monotonic();
    this.#usedAt = now;
    const askableAt = this.#breaker.askableAt(isPressing(ask), now);
    const turnAt = this.#turn(ask, askableAt, now);
    if (turnAt > now) {
      this.#room.wait(ask, turnAt);
      // Whole milliseconds, rounded up one by one: a fraction lost in an epoch-sized sum would be a hot loop.
      const until = Math.ceil(this.#clock.now()) + Math.ceil(turnAt - now);
      throw new DeferredError(until, askableAt > now ? 'open' : 'busy');
    }
    this.#room.leave(ask.key);
    this.#rate.take(now);
    // Bursts are for quiet times: a line moves at the steady rate, and saves nothing up when one comes late.
    if (this.#room.size > 0) this.#rate.hold(now + this.#rate.intervalMs);
  }

  #turn(ask: Ask, askableAt: number, now: number): number {
    // The first to come after the rest is the probe: the one whose turn it is may never come.
    if (this.circuit !== 'closed' && askableAt <= now && this.#placeAt(0, now) <= now) return now;
    const ahead = this.#room.ahead(ask, now);
    const wait = Math.max(askableAt + ahead * this.#rate.intervalMs, this.#placeAt(ahead, now)) - now;
    return now + (wait <= 2 * LOOK_AGAIN_MS ? wait : LOOK_AGAIN_MS + (wait % LOOK_AGAIN_MS));
  }

  /** When rate and concurrency have room for one more behind `ahead` others. */
  #placeAt(ahead: number, now: number): number {
    const ready = this.#rate.readyAt(ahead, now);
    const free = this.#concurrency - this.#calls.size;
    if (ahead < free) return ready;
    const [oldest] = this.#calls;
    // The longer the calls under way take, the longer they are expected to go on.
    const pace = Math.max(this.#rate.intervalMs, (now - (oldest?.startedAt ?? now)) / this.#concurrency);
    return Math.max(ready, now + (ahead + 1 - free) * pace);
  }

  /** A 429 speaks for the tenant: nobody else asks before its floor. */
  #heed(error: unknown): void {
    if (!(error instanceof FailureError) || error.failure.reason !== 'RateLimited') return;
    const wall = this.#clock.now();
    const holdMs = Math.max(0, (error.failure.notBefore ?? wall) - wall);
    if (holdMs <= LONGEST_HOLD_MS) this.#rate.hold(this.#clock.monotonic() + holdMs);
  }
}
