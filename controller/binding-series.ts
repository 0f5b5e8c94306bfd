import { Gauge, type Registry } from 'prom-client';

/** What the series of one TokenBinding show. Times in epoch ms; an absent one has no series. */
export interface BindingView {
  readonly namespace: string;
  readonly name: string;
  readonly conditions: readonly { readonly type: string; readonly status: string }[];
  readonly expiresAt?: number | undefined;
  readonly issuedAt?: number | undefined;
  readonly nextRefreshAt?: number | undefined;
  readonly lastSuccessAt?: number | undefined;
  readonly consecutiveFailures: number;
  readonly suspended: boolean;
  /** Quotas of the provider, by period in lower case. */
  readonly quotas: readonly { readonly period: string; readonly limit: number; readonly remaining: number }[];
  readonly deliveries: readonly {
    readonly name: string;
    readonly current: boolean;
    /** When the token expires that its consumers surely hold. */
    readonly heldUntil?: number | undefined;
    /** The reason of a delivery that fails. */
    readonly failure?: string | undefined;
    /** Count by state. */
    readonly machines: Readonly<Partial<Record<string, number>>>;
  }[];
}

const GAUGES = {
  condition: ['Status of each condition: 1 for the one it has.', ['type', 'status']],
  token_expiration_timestamp_seconds: ['When the token expires.', []],
  token_issued_timestamp_seconds: ['When the token was requested.', []],
  next_refresh_timestamp_seconds: ['When the next token will be requested.', []],
  last_success_timestamp_seconds: ['When a token was last obtained.', []],
  consecutive_failures: ['Failed attempts to get a token since the last success.', []],
  suspended: ['Whether spec.suspend is true.', []],
  provider_quota_limit: ['Tokens the provider allows in the period, as it stated last.', ['period']],
  provider_quota_remaining: ['Tokens left in the period, as the provider stated last.', ['period']],
  delivery_current: ['Whether the delivery holds the current token.', ['delivery']],
  delivery_held_until_timestamp_seconds: ['When the token expires that consumers surely hold.', ['delivery']],
  delivery_failure: ['1 while the delivery fails, by reason.', ['delivery', 'reason']],
  overlap_margin_seconds: ['Life left of the old token when the last rollout ended.', ['delivery']],
  rollout_machines: ['Machines of the delivery by what the rollout made of them.', ['delivery', 'state']],
} as const;

type Name = keyof typeof GAUGES;
type Labels = Record<string, string>;
const STATUSES = ['True', 'False', 'Unknown'];

/** The per-object series: they come, change and go with their TokenBinding. */
export class BindingSeries {
  readonly #gauges: Readonly<Record<Name, Gauge>>;
  /** By binding: the label sets that it has set. */
  readonly #shown = new Map<string, [Name, Labels][]>();
  /** By binding and delivery: `overlap_margin_seconds`, which no status tells. */
  readonly #margins = new Map<string, ReadonlyMap<string, number>>();

  constructor(registry: Registry) {
    const make = ([name, [help, labels]]: [string, (typeof GAUGES)[Name]]) => {
      const labelNames = ['namespace', 'name', ...labels];
      return [name, new Gauge({ name: `tokenbinding_${name}`, help, labelNames, registers: [registry] })];
    };
    this.#gauges = Object.fromEntries(Object.entries(GAUGES).map(make)) as Record<Name, Gauge>;
  }

  /** Makes the series of the binding what the view says; what it had before and the view has not is removed. */
  set(view: BindingView): void {
    const { namespace, name } = view;
    this.#hide(namespace, name);
    const shown: [Name, Labels][] = [];
    const margins = this.#margins.get(`${namespace}/${name}`) ?? new Map();
    for (const [gauge, value, extra] of [...samples(view), ...marginSamples(view, margins)]) {
      const labels = { namespace, name, ...extra };
      this.#gauges[gauge].set(labels, value);
      shown.push([gauge, labels]);
    }
    this.#shown.set(`${namespace}/${name}`, shown);
  }

  /** From the next `set` on, shows what was left of the old token of a delivery; negative: it had expired. */
  setMargin({ namespace, name }: Pick<BindingView, 'namespace' | 'name'>, delivery: string, seconds: number) {
    const key = `${namespace}/${name}`;
    this.#margins.set(key, new Map([...(this.#margins.get(key) ?? []), [delivery, seconds]]));
  }

  /** Removes the series of every binding: another process shows them now. */
  clear(): void {
    for (const gauge of Object.values(this.#gauges)) gauge.reset();
    this.#shown.clear();
    this.#margins.clear();
  }

  /** Removes every series of the binding. */
  remove(namespace: string, name: string): void {
    this.#hide(namespace, name);
    this.#margins.delete(`${namespace}/${name}`);
  }

  #hide(namespace: string, name: string): void {
    for (const [gauge, labels] of this.#shown.get(`${namespace}/${name}`) ?? [])
      this.#gauges[gauge].remove(labels);
    this.#shown.delete(`${namespace}/${name}`);
  }
}

function* samples(view: BindingView): Generator<[Name, number, Labels]> {
  const times = {
    token_expiration_timestamp_seconds: view.expiresAt,
    token_issued_timestamp_seconds: view.issuedAt,
    next_refresh_timestamp_seconds: view.nextRefreshAt,
    last_success_timestamp_seconds: view.lastSuccessAt,
  };
  for (const [gauge, at] of Object.entries(times)) if (at !== undefined) yield [gauge as Name, at / 1000, {}];
  yield ['consecutive_failures', view.consecutiveFailures, {}];
  yield ['suspended', Number(view.suspended), {}];
  for (const { period, limit, remaining } of view.quotas) {
    yield ['provider_quota_limit', limit, { period }];
    yield ['provider_quota_remaining', remaining, { period }];
  }
  for (const { type, status } of view.conditions) {
    for (const candidate of STATUSES)
      yield ['condition', Number(candidate === status), { type, status: candidate }];
  }
  for (const delivery of view.deliveries) yield* deliverySamples(delivery);
}

function* deliverySamples(view: BindingView['deliveries'][number]): Generator<[Name, number, Labels]> {
  const { name: delivery, current, heldUntil, failure: reason, machines } = view;
  yield ['delivery_current', Number(current), { delivery }];
  if (heldUntil !== undefined)
    yield ['delivery_held_until_timestamp_seconds', heldUntil / 1000, { delivery }];
  if (reason !== undefined) yield ['delivery_failure', 1, { delivery, reason }];
  for (const [state, count] of Object.entries(machines))
    yield ['rollout_machines', count ?? 0, { delivery, state }];
}

function* marginSamples(
  { deliveries }: BindingView,
  margins: ReadonlyMap<string, number>,
): Generator<[Name, number, Labels]> {
  for (const { name: delivery } of deliveries) {
    const seconds = margins.get(delivery);
    if (seconds !== undefined) yield ['overlap_margin_seconds', seconds, { delivery }];
  }
}
