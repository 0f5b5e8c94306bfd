import { setTimeout as sleep } from 'node:timers/promises';
import { type Behaviour, USUAL_BEHAVIOUR } from '../../sandbox/fly/behaviour.ts';
import { CAPACITY, type Fault, type FaultTarget, HOST_CLOSED } from '../../sandbox/fly/fault.ts';
import type { Fly } from '../../sandbox/fly/fly.ts';
import type { RandomNumbers } from '../support/random-numbers.ts';
import { Deck } from './storm-deck.ts';

/** How late the latest answer is, in ms: what a dead process has sent may take effect until then. */
export const SLOWEST_MS = 2_000;
/** Of the requests; more of them, and waits after failures would fill the storm. */
const FAULT_SHARE = 0.08;
/** Of the updates of machines, which matter most. */
const UPDATE_FAULT_SHARE = 0.6;
/** Of the occasions. */
const REVERT_SHARE = 0.25;

const json = (status: number, error?: string): Fault => ({
  ...{ kind: 'answer', status, body: 'json' },
  ...(error !== undefined && { error }),
});
const FAULTS: readonly Fault[] = [
  { kind: 'lostRequest' },
  { kind: 'lostResponse' },
  { kind: 'slow', delayMs: SLOWEST_MS },
  json(500),
  json(503, HOST_CLOSED),
  { kind: 'answer', status: 502, body: 'html' },
  { kind: 'answer', status: 504, body: 'plain' },
  json(408, 'deadline_exceeded'),
  json(409, 'aborted: concurrent update in progress'),
  json(412, CAPACITY),
  json(412, 'failed_precondition: machine getting replaced, refusing to start'),
  json(412, 'failed_precondition: min_secrets_version is not yet available'),
  { kind: 'answer', status: 429, body: 'json', error: 'rate limit exceeded', retryAfterSeconds: 2 },
  { kind: 'answer', status: 429, body: 'plain' },
];

/** What was done and is not known to be is the hardest to get right. */
const UPDATE_FAULTS: readonly Fault[] = [...FAULTS, ...Array<Fault>(6).fill({ kind: 'lostResponse' })];

/** The ways in which the live service may differ from the usual. */
const BEHAVIOURS: readonly Partial<Behaviour>[] = [
  { vaultLagMs: 1_500 },
  { updateLagMs: 800 },
  { versionMismatchStatus: 409 },
  { leaseConflictBody: 'envelope' },
  { leaseConflictBody: 'error' },
  { leaseTtlFrom: 'query' },
  { leaseTtlFrom: 'body' },
  { versionSpelling: 'deprecated' },
  { versionSpelling: 'current' },
  { startWhileReplacing: 'dropped' },
  { startTakesNewSecrets: true },
  { updateStartsResting: true },
  { inventsCheck: true },
  { equalWriteRaisesVersion: false },
];

export interface WeatherOptions {
  readonly fly: Fly;
  readonly app: string;
  readonly random: RandomNumbers;
  /** Machines at rest that somebody may wake. */
  readonly wakeable: readonly string[];
}

/**
 * What can go wrong on Fly, at random: in about one of ten requests, in most updates, and by others who work on
 * the app.
 *
 * Nobody writes the app's secret: after two repairs the controller would rightly leave it to them. No program crashes
 * and no version is broken: the token would be taken back from its first machine, which is another story.
 */
export class StormWeather {
  /** What struck, and how often. */
  readonly strikes = new Map<string, number>();
  /** Machines that somebody started. */
  readonly woken = new Set<string>();
  /** Machines that somebody added, at rest. */
  readonly clones = new Set<string>();
  /** Machines whose host does not answer now. */
  readonly lost = new Set<string>();
  /** Nonces of the leases that others took. */
  readonly foreignLeases = new Set<string>();
  readonly #options: WeatherOptions;
  readonly #faults: { readonly update: Deck<Fault>; readonly other: Deck<Fault> };
  readonly #behaviours: Deck<Partial<Behaviour>>;
  readonly #gusts: Deck<string>;
  readonly #calming = new AbortController();
  #blowing: Promise<void> = Promise.resolve();
  #reverts = true;
  #hasCloned = false;

  constructor(options: WeatherOptions) {
    const { random } = options;
    this.#options = options;
    this.#faults = { update: new Deck(UPDATE_FAULTS, random), other: new Deck(FAULTS, random) };
    this.#behaviours = new Deck(BEHAVIOURS, random);
    this.#gusts = new Deck(Object.keys(this.#effects), random);
  }

  /** Blows until it is told to be calm. */
  start(): void {
    this.#options.fly.faults.choose = (target) => this.#fault(target);
    this.#blowing = this.#blow();
  }

  /** From now on no update is taken back any more: a token that it happened to stays off that machine. */
  keepUpdates(): void {
    this.#reverts = false;
    this.#options.fly.faults.revertUpdates = 0;
  }

  /** Everything is as usual again, but for leases that others hold for a few seconds more. */
  async calm(): Promise<void> {
    const { fly } = this.#options;
    this.#calming.abort();
    await this.#blowing;
    fly.faults.clear();
    Object.assign(fly.behaviour, USUAL_BEHAVIOUR);
  }

  #fault({ action }: FaultTarget): Fault | undefined {
    const isUpdate = action === 'updateMachine';
    if (!this.#options.random.chance(isUpdate ? UPDATE_FAULT_SHARE : FAULT_SHARE)) return undefined;
    const fault = this.#faults[isUpdate ? 'update' : 'other'].next();
    const what = fault.kind === 'answer' ? `${fault.status} ${fault.body}` : fault.kind;
    this.#note(`${what} to ${action}`);
    return fault;
  }

  async #blow(): Promise<void> {
    const { signal } = this.#calming;
    const { random } = this.#options;
    while (!signal.aborted) {
      const gust = this.#gusts.next();
      if (this.#effects[gust]?.()) this.#note(gust);
      await sleep(random.whole(800, 2_000), undefined, { signal }).catch(() => {});
    }
  }

  /** Of each gust, by its name; each gives whether it changed anything. */
  readonly #effects: Readonly<Record<string, () => boolean>> = {
    'somebody took a lease': () => {
      const ttlSeconds = this.#options.random.whole(1, 4);
      const free = this.#machines.filter(({ leaseNonce }) => leaseNonce === undefined);
      const id = this.#any(free.map((machine) => machine.id));
      if (id !== undefined) this.foreignLeases.add(this.#others.holdLease(id, { ttlSeconds }));
      return id !== undefined;
    },
    'somebody cleared the leases': () => {
      const leased = this.#machines.some(({ leaseNonce }) => leaseNonce !== undefined);
      this.#others.clearLeases();
      return leased;
    },
    'machine woken': () => {
      const id = this.#any(this.#options.wakeable.filter((each) => !this.woken.has(each)));
      if (id === undefined) return false;
      this.woken.add(id);
      this.#others.wake(id);
      return true;
    },
    'machine cloned': () => {
      const id = this.#any(this.#machines.map((machine) => machine.id));
      if (this.#hasCloned || id === undefined) return false;
      this.#hasCloned = true;
      void this.#others.cloneMachine(id, 'stopped').then((clone) => this.clones.add(clone));
      return true;
    },
    'host lost': () => {
      const id = this.#any(this.#machines.map((machine) => machine.id));
      if (this.lost.size > 0 || id === undefined) return false;
      void this.#lose(id);
      return true;
    },
    'boots got slower or faster': () => {
      this.#options.fly.faults.bootDelayMs = this.#options.random.pick([0, 500, 1_500]);
      return true;
    },
    'other behaviour': () => {
      for (let count = 0; count < 3; count += 1)
        Object.assign(this.#options.fly.behaviour, this.#behaviours.next());
      return true;
    },
    // It ends the rollout of its token: more of them, and the storm would blow over machines that nobody works on.
    'update to be taken back': () => {
      if (!this.#reverts || !this.#options.random.chance(REVERT_SHARE)) return false;
      this.#options.fly.faults.revertUpdates = 1;
      return true;
    },
  };

  async #lose(id: string): Promise<void> {
    this.lost.add(id);
    this.#others.setReachable(id, false);
    const { signal } = this.#calming;
    await sleep(this.#options.random.whole(500, 3_000), undefined, { signal }).catch(() => {});
    this.#others.setReachable(id, true);
    this.lost.delete(id);
  }

  get #machines() {
    return this.#options.fly.machines(this.#options.app);
  }

  get #others() {
    return this.#options.fly.meddle(this.#options.app);
  }

  #any(ids: readonly string[]): string | undefined {
    return ids[this.#options.random.whole(0, Math.max(0, ids.length - 1))];
  }

  #note(what: string): void {
    this.strikes.set(what, (this.strikes.get(what) ?? 0) + 1);
  }
}
