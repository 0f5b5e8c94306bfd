import { deliveredCondition, hasFailed, holds } from '../src/binding/delivery.ts';
import { isDelivered } from '../src/binding/due.ts';
import { parseDuration } from '../src/binding/duration.ts';
import type { Progress } from '../src/binding/progress.ts';
import { wantedToken } from '../src/binding/rollback.ts';
import type { DeliveryRecord } from '../src/binding/targets.ts';
import type { TokenBinding } from '../src/binding/token-binding.ts';
import type { Clock } from '../src/clock.ts';
import type { BindingView } from './binding-series.ts';
import type { Metrics } from './metrics.ts';
import type { RunResult } from './worker.ts';

/** Turns the end of a run into metrics. */
export class RunRecorder {
  readonly #metrics: Metrics;
  readonly #bindings: { get(key: string): TokenBinding | undefined };
  readonly #clock: Clock;

  constructor(metrics: Metrics, bindings: { get(key: string): TokenBinding | undefined }, clock: Clock) {
    this.#metrics = metrics;
    this.#bindings = bindings;
    this.#clock = clock;
  }

  /** @param seconds how long the run took */
  record(key: string, result: RunResult, seconds: number): void {
    const metrics = this.#metrics;
    metrics.reconciles.inc({ result: result.error ?? result.outcome?.rest ?? 'removed' });
    metrics.reconcileDuration.observe(seconds);
    if (result.outcome) this.#recordProgress(result.outcome.progress);
    if (!result.error) this.#showBinding(key);
  }

  #recordProgress(progress: Progress): void {
    const { refreshes, refreshDuration, deliveryWrites, rollouts } = this.#metrics;
    const { issueFailure, refreshed, token, secretsSet, rollbacksFinished } = progress;
    if (issueFailure) refreshes.inc({ result: 'failure', reason: issueFailure.reason });
    if (refreshed) refreshes.inc({ result: 'success', reason: 'Issued' });
    this.#metrics.deliveryDrift.inc(progress.driftFound.length);
    for (const _ of secretsSet) deliveryWrites.inc({ result: 'success' });
    for (const _ of rollbacksFinished) rollouts.inc({ result: 'rolledBack' });
    for (const record of progress.deliveries) this.#recordDelivery(progress, record);
    const isFresh = refreshed || progress.rolloutsFinished.length > 0;
    const isEverywhere = progress.deliveries.every((record) => isDelivered(progress, record));
    if (token && isFresh && isEverywhere)
      refreshDuration.observe((this.#clock.now() - token.issuedAt) / 1000);
  }

  #recordDelivery(progress: Progress, record: DeliveryRecord): void {
    const { deliveryWrites, rollouts, rolloutDuration } = this.#metrics;
    const { facts, deliveryFailures, rolloutsFinished } = progress;
    const before = facts.binding.status?.deliveries?.find(({ name }) => name === record.name);
    if (rolloutsFinished.includes(record.name)) {
      rollouts.inc({ result: 'success' });
      rolloutDuration.observe(parseDuration(record.lastRolloutDuration) / 1000);
      this.#recordMargin(facts.binding, record, before?.heldUntil);
    }
    const isWritten = record.tokenId === wantedToken(progress, record)?.id;
    if (record.name in deliveryFailures) (isWritten ? rollouts : deliveryWrites).inc({ result: 'failure' });
  }

  /** A rollout of the token that machines held already, after drift, replaced none. */
  #recordMargin({ metadata }: TokenBinding, { name, heldUntil }: DeliveryRecord, before?: string): void {
    if (before === undefined || before === heldUntil) return;
    const seconds = (Date.parse(before) - this.#clock.now()) / 1000;
    this.#metrics.bindings.setMargin(metadata, name, seconds);
  }

  #showBinding(key: string): void {
    const binding = this.#bindings.get(key);
    const [namespace = '', name = ''] = key.split('/');
    if (binding) this.#metrics.bindings.set(viewOf(binding));
    else this.#metrics.bindings.remove(namespace, name);
  }
}

function viewOf({ metadata, spec, status }: TokenBinding): BindingView {
  const time = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text));
  const { token } = status ?? {};
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    conditions: status?.conditions ?? [],
    expiresAt: time(token?.expiresAt),
    issuedAt: time(token?.issuedAt),
    nextRefreshAt: time(status?.nextRefreshTime),
    lastSuccessAt: time(token?.issuedAt),
    consecutiveFailures: status?.attempts?.consecutive ?? 0,
    suspended: spec.suspend,
    quotas: (status?.quota?.periods ?? []).map((quota) => ({ ...quota, period: quota.period.toLowerCase() })),
    deliveries: (status?.deliveries ?? []).map((record) => ({
      name: record.name,
      current: token !== undefined && holds(record, token.id),
      heldUntil: time(record.heldUntil),
      failure: hasFailed(record) ? deliveredCondition(record)?.reason : undefined,
      machines: record.machines ?? {},
    })),
  };
}
