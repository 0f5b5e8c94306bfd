import type { Fly, MachineInspection } from '../../sandbox/fly/fly.ts';
import { ROLLOUT_MARKER } from '../../src/fly/fly-app.ts';
import { SLOWEST_MS, type StormWeather } from './storm-weather.ts';

/** How long a lease of the controller lasts unless it is prolonged. */
export const LEASE_TTL_MS = 30_000;
/** A boot takes ten times as long: no machine that is down goes unseen. */
const LOOK_EVERY_MS = 20;

export interface LedgerOptions {
  readonly fly: Fly;
  readonly app: string;
  readonly weather: StormWeather;
  /** Machines at rest at the start. */
  readonly resting: readonly string[];
}

/** Looks at the app's machines all the time, and writes down what must not be. */
export class StormLedger {
  /** What was seen and must not be, each once. */
  readonly complaints = new Set<string>();
  /** Most machines at once that an update took down and that did not serve again yet. */
  mostDown = 0;
  readonly #options: LedgerOptions;
  readonly #timer: NodeJS.Timeout;
  /** Version at the last look, while the machine was up. */
  readonly #up = new Map<string, string>();
  /** Taken down by an update. */
  readonly #down = new Set<string>();
  /** By nonce: when the process that held the lease was killed, in epoch ms. */
  readonly #orphans = new Map<string, number>();

  /** Starts at once. */
  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The process that worked on the app was killed just now. */
  leaderDied(): void {
    for (const { leaseNonce } of this.#ownLeases) {
      if (leaseNonce !== undefined && !this.#orphans.has(leaseNonce))
        this.#orphans.set(leaseNonce, Date.now());
    }
  }

  /** Updates, accepted ones, of a machine for a version of the secrets that it had been given before. */
  repeated(): string[] {
    return this.#machines.flatMap(({ id, versions }) => {
      const updates = versions.slice(0, -1).map(({ metadata }) => String(metadata[ROLLOUT_MARKER]));
      return updates.filter(
        (marker, index) => !marker.startsWith(`${id}:`) || updates.indexOf(marker) !== index,
      );
    });
  }

  /** Leases of the controllers that there are now. */
  leases(): number {
    return this.#ownLeases.length;
  }

  get #machines(): MachineInspection[] {
    return this.#options.fly.machines(this.#options.app);
  }

  get #ownLeases(): MachineInspection[] {
    const { foreignLeases } = this.#options.weather;
    return this.#machines.filter(
      ({ leaseNonce }) => leaseNonce !== undefined && !foreignLeases.has(leaseNonce),
    );
  }

  #look(): void {
    const now = Date.now();
    for (const machine of this.#ownLeases) this.#judgeLease(machine, now);
    for (const machine of this.#machines) this.#judgeState(machine);
    this.mostDown = Math.max(this.mostDown, this.#down.size);
  }

  #judgeLease({ id, leaseNonce = '', leasedUntilMs = 0 }: MachineInspection, now: number): void {
    if (leasedUntilMs > now + LEASE_TTL_MS) this.complaints.add(`the lease of ${id} lasts too long`);
    const diedAt = this.#orphans.get(leaseNonce);
    if (diedAt !== undefined && leasedUntilMs > diedAt + SLOWEST_MS + LEASE_TTL_MS)
      this.complaints.add(`the lease of ${id} was prolonged after the death of its holder`);
  }

  #judgeState(machine: MachineInspection): void {
    const { id, instanceId, pid } = machine;
    const { woken, clones, lost } = this.#options.weather;
    const rests = this.#options.resting.includes(id) || clones.has(id);
    if (rests && !woken.has(id) && pid !== undefined)
      this.complaints.add(`${id} was at rest and was started`);
    const before = this.#up.get(id);
    if (before !== undefined && before !== instanceId) this.#down.add(id);
    if (machine.state === 'started') this.#up.set(id, instanceId);
    else this.#up.delete(id);
    // A host that is lost meanwhile leaves nobody a way to tell whether its machine is well.
    if (isServing(machine) || lost.has(id)) this.#down.delete(id);
  }
}

function isServing({ state, checks }: MachineInspection): boolean {
  return state === 'started' && checks.length > 0 && checks.every(({ status }) => status === 'passing');
}
