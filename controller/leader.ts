import { type Clock, sleep } from '../src/clock.ts';
import type { LeaseRecord } from '../src/kubernetes/lease.ts';
import { type ElectionTiming, RETRY_JITTER, timingFaults } from './election-timing.ts';
import { heldBy, type LeaseStore, released, unchanged } from './lease-record.ts';

export interface ElectorOptions {
  readonly store: LeaseStore;
  /** Unique among the candidates; one that starts again under the same identity goes on with its own Lease. */
  readonly identity: string;
  readonly timing: ElectionTiming;
  readonly clock: Clock;
  /** A number from 0 up to 1, as `Math.random` gives. */
  readonly random: () => number;
  readonly onStartedLeading: () => void;
  /** Called once for every `onStartedLeading`, before anybody else can start. */
  readonly onStoppedLeading: () => void;
  /** A call to the store that failed; the election goes on. */
  readonly onError: (error: unknown) => void;
}

export interface Elector {
  /**
   * Stands for election and, once elected, leads. Ends when the Lease is lost, or when `signal` aborts: then the
   * Lease is given back, so abort only after the work has stopped. Never rejects for a failing store.
   */
  run(signal: AbortSignal): Promise<void>;
  isLeader(): boolean;
  /**
   * Milliseconds for which nobody else can be leader, zero or less when that is not sure. Counted by the monotonic
   * clock from before the last renewal was sent, so it is right at once in a process that was stopped for a while.
   * A fence: start no effect whose deadline is not shorter.
   */
  remainingMs(): number;
}

/**
 * Leader election by Lease, as client-go does it: whoever writes its name into the Lease leads while it renews it.
 * Whether another's Lease has run out is judged by the time since its record was last seen to change, never by the
 * times written in it, so clocks need not agree.
 *
 * @throws RangeError when the timing breaks a rule of `timingFaults`
 */
export function createElector(options: ElectorOptions): Elector {
  const [fault] = timingFaults(options.timing);
  if (fault) throw new RangeError(`${fault.period} ${fault.demand}`);
  return new LeaseElector(options);
}

type Outcome = 'held' | 'taken' | 'failed';

class LeaseElector implements Elector {
  readonly #options: ElectorOptions;
  #leading: boolean = false;
  /** Monotonic time before the request was sent that last made us holder. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  /** The record as last seen, and the monotonic time at which it was first seen so. */
  #seen: LeaseRecord | undefined;
  #seenAt = Number.NEGATIVE_INFINITY;

  constructor(options: ElectorOptions) {
    this.#options = options;
  }

  isLeader(): boolean {
    return this.remainingMs() > 0;
  }

  remainingMs(): number {
    if (!this.#leading) return 0;
    return this.#renewedAt + this.#options.timing.leaseDurationMs - this.#options.clock.monotonic();
  }

  async run(signal: AbortSignal): Promise<void> {
    if (!(await this.#acquire(signal))) return;
    let kept = false;
    try {
      this.#leading = true;
      this.#options.onStartedLeading();
      kept = await this.#renew(signal);
    } finally {
      this.#leading = false;
      this.#options.onStoppedLeading();
    }
    if (kept) await this.#release();
  }

  /** True once we hold the Lease with time left to lead; false when aborted before. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      const outcome = await this.#attempt();
      if (outcome === 'held' && signal.aborted) await this.#release();
      else if (outcome === 'held' && this.#leadableMs() > 0) return true;
      else await sleep(this.#options.clock, this.#pauseMs(), signal);
    }
    return false;
  }

  /** A jittered retry period, cut short at the moment the Lease of another runs out. */
  #pauseMs(): number {
    const { clock, random, timing } = this.#options;
    const pause = timing.retryPeriodMs * (1 + (RETRY_JITTER - 1) * random());
    const left = this.#seenAt + (this.#seen?.leaseDurationSeconds ?? 0) * 1000 - clock.monotonic();
    return left > 0 ? Math.min(pause, left) : pause;
  }

  /** Renews until aborted (true) or until the Lease is lost (false). */
  async #renew(signal: AbortSignal): Promise<boolean> {
    const { clock, timing } = this.#options;
    while (!signal.aborted) {
      await sleep(clock, Math.min(timing.retryPeriodMs, this.#leadableMs()), signal);
      if (this.#leadableMs() <= 0) return false;
      if (signal.aborted) return true;
      const outcome = await within(clock, this.#leadableMs(), this.#attempt());
      if (outcome === 'taken' || this.#leadableMs() <= 0) return false;
    }
    return true;
  }

  /** How long we may go on leading without a further renewal. */
  #leadableMs(): number {
    return this.#renewedAt + this.#options.timing.renewDeadlineMs - this.#options.clock.monotonic();
  }

  /** One try to take or keep the Lease; a failure is told and ends it. */
  async #attempt(): Promise<Outcome> {
    try {
      return (await this.#renewUnread()) ?? (await this.#readAndTake());
    } catch (error) {
      if (!isConflict(error)) this.#options.onError(error);
      return 'failed';
    }
  }

  /** The steady state costs one request: the holder writes over the record it wrote last, without reading first. */
  async #renewUnread(): Promise<Outcome | undefined> {
    if (!this.#leading) return undefined;
    try {
      return await this.#take(this.#seen);
    } catch (error) {
      if (isConflict(error)) return undefined;
      throw error;
    }
  }

  async #readAndTake(): Promise<Outcome> {
    const found = await this.#options.store.get();
    if (found) this.#observe(found);
    return found && this.#keepsUsOut(found) ? 'taken' : this.#take(found);
  }

  #keepsUsOut(found: LeaseRecord): boolean {
    if (found.holderIdentity === '' || found.holderIdentity === this.#options.identity) return false;
    return this.#seenAt + found.leaseDurationSeconds * 1000 > this.#options.clock.monotonic();
  }

  async #take(found: LeaseRecord | undefined): Promise<Outcome> {
    const { clock, identity, store, timing } = this.#options;
    const sentAt = clock.monotonic();
    const record = heldBy(identity, found, clock.now(), timing.leaseDurationMs / 1000);
    this.#observe(await (found ? store.update(record) : store.create(record)));
    this.#renewedAt = sentAt;
    return 'held';
  }

  #observe(record: LeaseRecord): void {
    if (!unchanged(this.#seen, record)) this.#seenAt = this.#options.clock.monotonic();
    this.#seen = record;
  }

  /** Gives the Lease back if it is still ours; when that does not work soon it runs out by itself. */
  async #release(): Promise<void> {
    const { clock, onError, timing } = this.#options;
    await within(clock, timing.renewDeadlineMs / 2, this.#blank().catch(onError));
  }

  async #blank(): Promise<void> {
    const { clock, identity, store } = this.#options;
    const found = await store.get();
    if (found?.holderIdentity === identity) await store.update(released(found, clock.now()));
  }
}

/** What `work` resolves with, or undefined when it takes longer than `limitMs`. */
async function within<T>(clock: Clock, limitMs: number, work: Promise<T>): Promise<T | undefined> {
  const done = new AbortController();
  try {
    return await Promise.race([work, sleep(clock, limitMs, done.signal).then(() => undefined)]);
  } finally {
    done.abort();
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof Error && 'status' in error && error.status === 409;
}
