import type { Clock } from '../clock.ts';
import type { Machines } from './machines.ts';

/** A crash of ours blocks nobody's deploy for longer. */
const LEASE_SECONDS = 30;
const PROLONG_AFTER_MS = (LEASE_SECONDS * 1_000) / 3;

interface LeaseSite {
  readonly machines: Machines;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/**
 * Our lease of one machine. It is prolonged between the calls made under it, never in the background: a prolonging
 * that arrives after the release would take the lease anew, and nobody would give that one back.
 */
export class MachineLease {
  readonly #site: LeaseSite;
  readonly #id: string;
  #nonce: string;
  #takenAt: number;

  private constructor(site: LeaseSite, id: string, nonce: string) {
    this.#site = site;
    this.#id = id;
    this.#nonce = nonce;
    this.#takenAt = site.clock.monotonic();
  }

  /** @throws {MachinesApiError} 409 when somebody holds it */
  static async take(site: LeaseSite, id: string): Promise<MachineLease> {
    return new MachineLease(site, id, await site.machines.lease(id, LEASE_SECONDS, site.signal));
  }

  get nonce(): string {
    return this.#nonce;
  }

  /**
   * Prolongs the lease when a third of its time is over; to be called before each call under it.
   *
   * @throws {MachinesApiError} 409 when somebody took it over
   */
  async keep(): Promise<void> {
    const { machines, clock, signal } = this.#site;
    if (clock.monotonic() - this.#takenAt < PROLONG_AFTER_MS) return;
    const askedAt = clock.monotonic();
    this.#nonce = await machines.prolong(this.#id, this.#nonce, LEASE_SECONDS, signal);
    this.#takenAt = askedAt;
  }

  /** Gives it back. One that cannot be given back ends by itself; what was done under it is worth more than that. */
  async release(): Promise<void> {
    await this.#site.machines.release(this.#id, this.#nonce).catch(() => undefined);
  }
}
