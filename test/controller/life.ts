import { createMetrics } from '../../controller/metrics.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import type { CallLimits } from '../../src/http/egress.ts';
import { aBinding } from '../support/binding.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { RandomNumbers } from '../support/random-numbers.ts';
import { SimulatedCluster } from '../support/simulated-cluster.ts';
import { SimulatedProcess } from '../support/simulated-process.ts';
import { type Arrival, type Issue, SimulatedProvider } from '../support/simulated-provider.ts';
import { LIFE_MS, type LifeSchedule, type RefreshPlan, type Span } from './life-schedule.ts';

/** Looked at nowhere, and costly to make. */
const METRICS = createMetrics({ version: '0' });
const NAMESPACE = 'toolbridge';
/** Far more than the runs of all bindings at one moment. */
const MAX_TURNS = 200;

/** A token that a Secret came to hold. */
export interface Stored {
  readonly at: number;
  readonly issue: Issue;
}

/** What became of one binding. */
export interface BindingRecord {
  readonly plan: RefreshPlan;
  readonly arrivals: readonly Arrival[];
  readonly stored: readonly Stored[];
}

/** What happened in a life. Every time is a true one: ms from its start. */
export interface Life {
  readonly schedule: LifeSchedule;
  readonly bindings: readonly BindingRecord[];
  /** When there was no process. */
  readonly downs: readonly Span[];
  readonly faults: readonly unknown[];
}

/** Lives two hours by the schedule. */
export async function live(schedule: LifeSchedule): Promise<Life> {
  const site = new Site(schedule);
  await site.live();
  return site.life;
}

/** One life under way. */
class Site {
  readonly #schedule: LifeSchedule;
  readonly #clock = new FakeClock(() => this.#settle());
  readonly #start = this.#clock.monotonic();
  readonly #cluster: SimulatedCluster;
  readonly #provider: SimulatedProvider;
  readonly #random: RandomNumbers;
  readonly #stored = new Map<string, Stored[]>();
  readonly #downs: Span[] = [];
  readonly #faults: unknown[] = [];
  #process: SimulatedProcess;
  #downMs = 0;

  constructor(schedule: LifeSchedule) {
    this.#schedule = schedule;
    this.#random = new RandomNumbers(~schedule.seed);
    const { weather, trouble, token } = schedule;
    this.#provider = new SimulatedProvider(
      this.#clock,
      token,
      () => this.#now(weather)?.weather ?? { kind: 'fine' },
    );
    this.#cluster = new SimulatedCluster(
      () => this.#now(trouble)?.kind,
      (secret, text) => this.#store(secret, text),
    );
    this.#cluster.addCredential(
      { namespace: NAMESPACE, name: 'toolbridge-m2m' },
      { client_id: 'toolbridge', client_secret: 'of no use' },
    );
    for (const [index, plan] of schedule.bindings.entries()) this.#cluster.add(bindingOf(index, plan));
    this.#process = this.#startProcess();
  }

  async live(): Promise<void> {
    const { jumps, restarts, edits } = this.#schedule;
    for (const { at, byMs } of jumps) this.#clock.after(at, () => this.#clock.jump(byMs));
    for (const { at, binding } of edits) this.#clock.after(at, () => this.#edit(nameOf(binding), at));
    for (const { at, downMs, fate } of restarts) {
      this.#clock.after(at, () => {
        this.#downMs = downMs;
        this.#process.doom(fate);
      });
    }
    await this.#clock.advance(LIFE_MS);
    this.#process.doom();
  }

  get life(): Life {
    const since = (at: number) => at - this.#start;
    const issueOf = (issue: Issue): Issue => ({
      ...issue,
      at: since(issue.at),
      expiresAt: since(issue.expiresAt),
    });
    const arrivalOf = ({ endedAt, issue, ...rest }: Arrival): Arrival => ({
      ...{ ...rest, at: since(rest.at) },
      ...(endedAt !== undefined && { endedAt: since(endedAt) }),
      ...(issue && { issue: issueOf(issue) }),
    });
    const storedOf = ({ at, issue }: Stored) => ({ at: since(at), issue: issueOf(issue) });
    const byAudience = Map.groupBy(this.#provider.arrivals, ({ audience }) => audience);
    const recordOf = (plan: RefreshPlan, index: number): BindingRecord => ({
      plan,
      arrivals: (byAudience.get(audienceOf(index)) ?? []).map(arrivalOf),
      stored: (this.#stored.get(nameOf(index)) ?? []).map(storedOf),
    });
    return {
      schedule: this.#schedule,
      bindings: this.#schedule.bindings.map(recordOf),
      ...{ downs: this.#downs, faults: this.#faults },
    };
  }

  /** Work that is ready is done before time goes on. */
  async #settle(): Promise<void> {
    let turns = 0;
    do {
      await settled();
      turns += 1;
      if (turns > MAX_TURNS)
        throw new Error(`a hot loop at ${this.#elapsed} ms of life ${this.#schedule.seed}`);
    } while (this.#process.isBusy);
  }

  get #elapsed(): number {
    return this.#clock.monotonic() - this.#start;
  }

  #now<T extends Span>(spans: readonly T[]): T | undefined {
    return spans.find(({ from, to }) => from <= this.#elapsed && this.#elapsed < to);
  }

  #store(secret: string, text: string): void {
    const issue = this.#provider.issues.get(text);
    const stored = this.#stored.get(secret) ?? [];
    this.#stored.set(secret, stored);
    // A Secret that is written anew in another shape holds the token that it held.
    if (issue && stored.at(-1)?.issue !== issue) stored.push({ at: this.#clock.monotonic(), issue });
  }

  #edit(name: string, at: number): void {
    const scopes = [`since-${at}`];
    this.#cluster.edit(`${NAMESPACE}/${name}`, ({ source, ...spec }) => ({
      ...spec,
      source: source.auth0 ? { auth0: { ...source.auth0, scopes } } : source,
    }));
    this.#process.wake(`${NAMESPACE}/${name}`);
  }

  #startProcess(): SimulatedProcess {
    const habitat = {
      ...{ clock: this.#clock, cluster: this.#cluster, metrics: METRICS },
      random: () => this.#random.next(),
      fetch: (limits: CallLimits) => this.#provider.fetch(limits),
      onFault: (error: unknown) => this.#faults.push(error),
    };
    return new SimulatedProcess(habitat, () => this.#bury());
  }

  #bury(): void {
    const from = this.#elapsed;
    if (from >= LIFE_MS) return;
    this.#downs.push({ from, to: from + this.#downMs });
    this.#clock.after(this.#downMs, () => {
      this.#process = this.#startProcess();
    });
  }
}

const nameOf = (index: number) => `binding-${index}`;
const audienceOf = (index: number) => `https://api-${index}.test`;

function bindingOf(index: number, { minRemainingS, ...refresh }: RefreshPlan): TokenBinding {
  const name = nameOf(index);
  return aBinding({
    metadata: { name, namespace: NAMESPACE, uid: `uid-${index}` },
    spec: {
      source: { auth0: { domain: 'issuer.test', audience: audienceOf(index), scopes: [] } },
      refresh: { ...refresh, ...(minRemainingS !== undefined && { minRemaining: `${minRemainingS}s` }) },
      secret: { name, key: 'token' },
    },
  });
}
