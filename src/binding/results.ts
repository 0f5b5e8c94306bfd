import type { EpochMs } from '../clock.ts';
import type { DeliveryFailureReason, Failure, IssueFailureReason } from '../failure.ts';
import { afterFailure } from './attempts.ts';
import {
  failed,
  type MachineCounts,
  type RolloutProgress,
  rolled,
  type SecretWrite,
  served,
  staged,
  written,
} from './delivery.ts';
import { claim } from './due.ts';
import type { ProbeResult } from './facts.ts';
import {
  type CredentialUsed,
  cleanupName,
  type Deferral,
  flyCircumstances,
  issueCircumstances,
  type Progress,
} from './progress.ts';
import type { ProviderReport } from './provider-report.ts';
import type { StoredToken } from './stored-token.ts';
import { type Cleanup, type DeliveryRecord, isOurs, needsFinalizer, strategyOf } from './targets.ts';

/** What a step reports: the events of the machine. `at` is when it happened, epoch ms; all times by the wall clock. */
export type StepResult =
  | {
      type: 'issued';
      token: StoredToken;
      report: ProviderReport;
      credentialUsed: CredentialUsed;
      at: EpochMs;
    }
  | { type: 'issueFailed'; failure: Failure<IssueFailureReason>; report?: ProviderReport; at: EpochMs }
  | { type: 'issueDeferred'; deferral: Deferral }
  | ({ type: 'probed' } & ProbeResult)
  | { type: 'secretWritten'; token: StoredToken }
  | { type: 'recorded' }
  | { type: 'flySecretSet'; write: SecretWrite; at: EpochMs }
  | { type: 'rolled'; progress: RolloutProgress; at: EpochMs }
  | {
      type: 'deliveryFailed';
      failure: Failure<DeliveryFailureReason>;
      at: EpochMs;
      /** How far the rollout had come, when it is the rollout that failed. */
      machines?: MachineCounts;
    }
  | { type: 'unset' }
  | { type: 'cleanupFailed'; failure: Failure<DeliveryFailureReason>; at: EpochMs }
  | { type: 'released' };

type Result<T extends StepResult['type']> = Extract<StepResult, { type: T }>;

/** Failures that tell for sure that the remote secret is as it was. */
const NOTHING_WRITTEN: ReadonlySet<string> = new Set([
  'CredentialsMissing',
  'Unauthorized',
  'AppNotFound',
  'RequestRefused',
]);

/** How each result changes what is known of the run. */
export const fold: { [T in StepResult['type']]: (run: Progress, result: Result<T>) => Progress } = {
  // From here on the clock counts as right: the token's times are by it.
  issued: (run, { token, report, credentialUsed, at }) => ({
    ...{ ...run, held: token, probed: undefined, report, credentialUsed },
    facts: { ...run.facts, now: at, setBackMs: 0 },
  }),
  issueFailed: (run, { failure, report = run.report, at }) => ({
    ...{ ...run, report, issueFailure: failure, facts: { ...run.facts, now: at } },
    attempts: afterFailure(run.attempts, failure, issueCircumstances(run), {
      ...{ at, random: run.facts.random },
      expiresAt: run.token && run.token.expiresAt > at ? run.token.expiresAt : undefined,
    }),
  }),
  issueDeferred: (run, { deferral }) => ({ ...run, deferred: deferral }),
  probed: (run, { type: _, ...probed }) => ({ ...run, probed }),
  secretWritten: (run, { token }) => ({
    ...run,
    token,
    held: undefined,
    shaped: true,
    refreshed: run.refreshed || run.held !== undefined,
  }),
  recorded: (run) => ({ ...claim(run), recorded: true, finalized: run.finalized || needsFinalizer(run) }),
  flySecretSet: (run, { write, at }) => {
    const isStage = strategyOf(run.facts.binding, run.subject ?? '') === 'Stage';
    const changed = changeDelivery(run, (record) => {
      const next = written(record, run.token?.id ?? '', write, at);
      return isStage ? served(staged(next, at), run.token?.expiresAt ?? at) : next;
    });
    return { ...changed, recorded: false };
  },
  rolled: (run, { progress, at }) => {
    const name = run.subject ?? '';
    const before = run.deliveries.find((record) => record.name === name);
    const isFirst = before?.rolloutStartedAt === undefined;
    const changed = changeDelivery(run, (record) => {
      const next = rolled(record, progress, at);
      return progress.done ? served(next, run.token?.expiresAt ?? at) : next;
    });
    const waiting =
      progress.retryAt === undefined ? run.waiting : { ...run.waiting, [name]: progress.retryAt };
    return {
      ...changed,
      waiting,
      rolloutsStarted: isFirst ? [...run.rolloutsStarted, name] : run.rolloutsStarted,
      rolloutsFinished: progress.done ? [...run.rolloutsFinished, name] : run.rolloutsFinished,
    };
  },
  deliveryFailed: (run, { failure, at, machines }) => ({
    ...changeDelivery(run, (record) => {
      const wrote = { ...record, claimed: isOurs(record) && !NOTHING_WRITTEN.has(failure.reason) };
      const before = record.tokenId === undefined ? wrote : record;
      const next = failed(before, failure, setback(run, record, failure, at), at);
      return machines ? { ...next, machines: { ...machines } } : next;
    }),
    deliveryFailures: { ...run.deliveryFailures, [run.subject ?? '']: failure },
  }),
  unset: (run) => ({
    ...run,
    cleanups: run.cleanups.filter((cleanup) => cleanupName(cleanup) !== run.subject),
  }),
  cleanupFailed: (run, { failure, at }) => ({
    ...run,
    cleanups: run.cleanups.map((cleanup) =>
      cleanupName(cleanup) === run.subject
        ? { ...cleanup, attempts: setback(run, cleanup, failure, at) }
        : cleanup,
    ),
    cleanupFailures: { ...run.cleanupFailures, [run.subject ?? '']: failure },
  }),
  released: (run) => ({ ...run, finalized: false }),
};

function changeDelivery(run: Progress, change: (record: DeliveryRecord) => DeliveryRecord): Progress {
  const deliveries = run.deliveries.map((record) => (record.name === run.subject ? change(record) : record));
  return { ...run, deliveries };
}

function setback(run: Progress, record: DeliveryRecord | Cleanup, failure: Failure, at: EpochMs) {
  const { name } = 'target' in record ? record.target.apiTokenRef : record.apiTokenRef;
  const expiresAt = Date.parse(run.facts.binding.status?.token?.previousExpiresAt ?? '');
  return afterFailure(record.attempts, failure, flyCircumstances(run, name), {
    at,
    random: run.facts.random,
    expiresAt: expiresAt > at ? expiresAt : undefined,
  });
}
