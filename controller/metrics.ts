import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { BindingSeries } from './binding-series.ts';
import type { GateMeters } from './provider/gate.ts';
import type { WorkQueueHooks } from './workqueue.ts';

/** Seconds: a call to an issuer or to the API server, up to its deadline. */
const CALL_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Seconds: a refresh from its start until every delivery is current, and a rollout. */
const ROLLOUT_SECONDS = [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];
/** Seconds: time in the queue, long only when the controller is behind. */
const QUEUE_SECONDS = [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300];

/**
 * Everything the process measures, in a registry of its own. Labels are closed sets, except `namespace`, `name` and
 * `delivery` on the series of objects: never a URL, an audience, the text of an error or the id of a machine.
 */
export interface Metrics {
  /** For the scrape: `contentType` and `metrics()`. */
  readonly registry: Registry;
  /** Series of the TokenBindings. */
  readonly bindings: BindingSeries;
  readonly refreshes: Counter<'result' | 'reason'>;
  readonly refreshDuration: Histogram;
  /** `code`: the HTTP status, or `error` without an answer. */
  readonly providerRequests: Counter<'code'>;
  readonly providerRequestDuration: Histogram;
  readonly deliveryWrites: Counter<'result'>;
  readonly deliveryDrift: Counter;
  readonly rollouts: Counter<'result'>;
  readonly rolloutDuration: Histogram;
  readonly reconciles: Counter<'result'>;
  readonly reconcileDuration: Histogram;
  readonly gate: GateMeters;
  readonly workqueue: WorkQueueHooks;
  /** 1 while this process leads. */
  readonly leader: Gauge;
}

/** @param options.version as `build_info` shows it */
export function createMetrics({ version }: { readonly version: string }): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const make = new Maker(registry);
  make.gauge('build_info', 'Always 1; the version is in the label.', ['version']).set({ version }, 1);
  return {
    registry,
    bindings: new BindingSeries(registry),
    refreshes: make.counter('refreshes_total', 'Refreshes that ended.', ['result', 'reason']),
    refreshDuration: make.histogram(
      'refresh_duration_seconds',
      'From its start to the last delivery.',
      ROLLOUT_SECONDS,
    ),
    providerRequests: make.counter('provider_requests_total', 'Token requests sent to issuers.', ['code']),
    providerRequestDuration: make.histogram(
      'provider_request_duration_seconds',
      'Of token requests.',
      CALL_SECONDS,
    ),
    deliveryWrites: make.counter('delivery_writes_total', 'Tokens written to deliveries.', ['result']),
    deliveryDrift: make.counter('delivery_drift_total', 'Secrets that somebody else had written.', []),
    rollouts: make.counter('rollouts_total', 'Rollouts that ended.', ['result']),
    rolloutDuration: make.histogram('rollout_duration_seconds', 'Of rollouts that ended.', ROLLOUT_SECONDS),
    reconciles: make.counter('reconcile_total', 'Reconcile runs that ended.', ['result']),
    reconcileDuration: make.histogram('reconcile_duration_seconds', 'Of reconcile runs.', CALL_SECONDS),
    gate: gateMeters(make),
    workqueue: queueMeters(make),
    leader: make.gauge('leader', 'Whether this process leads.', []),
  };
}

function gateMeters(make: Maker): GateMeters {
  const open = make.gauge('provider_circuit_open', 'Token endpoints whose circuit is not closed.', []);
  const changes = make.counter(
    'provider_circuit_transitions_total',
    'Changes of state of the circuits of token endpoints.',
    ['state'],
  );
  const deferred = make.counter(
    'provider_requests_deferred_total',
    'Token requests put off: others go first (busy), or the provider is down (open).',
    ['reason'],
  );
  return {
    circuitsOpen: (endpoints) => open.set(endpoints),
    circuitChanged: (state) => changes.inc({ state }),
    deferred: (reason) => deferred.inc({ reason }),
  };
}

function queueMeters(make: Maker): WorkQueueHooks {
  const depth = make.gauge('workqueue_depth', 'Bindings that wait for a worker.', []);
  const adds = make.counter('workqueue_adds_total', 'Bindings added, duplicates not counted.', []);
  const retries = make.counter('workqueue_retries_total', 'Bindings added again after a failed run.', []);
  const wait = make.histogram('workqueue_queue_duration_seconds', 'Wait for a worker.', QUEUE_SECONDS);
  return {
    depth: (keys) => depth.set(keys),
    added: () => adds.inc(),
    retried: () => retries.inc(),
    queued: (seconds) => wait.observe(seconds),
  };
}

/** Makes instruments with the common prefix in one registry. */
class Maker {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name: `tokenbinding_${name}`, help, labelNames, registers: [this.#registry] });
  }

  gauge<L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> {
    return new Gauge({ name: `tokenbinding_${name}`, help, labelNames, registers: [this.#registry] });
  }

  histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: `tokenbinding_${name}`, help, buckets, registers: [this.#registry] });
  }
}
