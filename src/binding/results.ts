import type { EpochMs } from '../clock.ts';
import type { Failure } from '../failure.ts';
import { failure } from '../failure.ts';
import { afterFailure } from './attempts.ts';
import {
  contested,
  drifted,
  failed,
  isContested,
  MOST_REPAIRS,
  type RolloutProgress,
  rejected,
  rolled,
  rolledBack,
  served,
  staged,
  undrifted,
  written,
} from './delivery.ts';
import { claim } from './due.ts';
import { parseDuration } from './duration.ts';
import { cleanupName, flyCircumstances, issueCircumstances, type Progress } from './progress.ts';
import { isRejected, livePrevious, rollsBack, wantedToken } from './rollback.ts';
import type { StepResult } from './step-result.ts';
import {
  type Cleanup,
  type DeliveryRecord,
  isOurs,
  needsFinalizer,
  rolloutOf,
  strategyOf,
} from './targets.ts';

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
    deliveries: run.held ? run.deliveries.map(withNewToken) : run.deliveries,
    refreshed: run.refreshed || run.held !== undefined,
  }),
  recorded: (run) => ({ ...claim(run), recorded: true, finalized: run.finalized || needsFinalizer(run) }),
  flySecretSet: (before, { write, awaited, at }) => {
    const run = awaited === undefined ? before : withAwaited(before, awaited);
    const isStage = strategyOf(run.facts.binding, run.subject ?? '') === 'Stage';
    const changed = changeDelivery(run, (record) => {
      const wanted = wantedToken(run, record)?.id ?? '';
      if (isRejected(run, record)) return { ...record, tokenId: wanted, ...write };
      const next = written(record, wanted, write, at);
      return isStage ? served(staged(next, at), run.token?.expiresAt ?? at) : next;
    });
    return { ...changed, recorded: false };
  },
  rolled: (run, { progress, at }) => {
    const name = run.subject ?? '';
    const before = run.deliveries.find((record) => record.name === name);
    if (before && isRejected(run, before)) return backOnPrevious(run, progress, at);
    if (before && isOverdue(run, before, progress, at)) return overdue(run, before, progress, at);
    const isFirst = before?.rolloutStartedAt === undefined;
    const changed = changeDelivery(run, (record) => {
      const next = rolled(record, progress, at);
      return progress.done ? undrifted(served(next, run.token?.expiresAt ?? at)) : next;
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
  tokenRejected: (run, { failure, machineId, machines, at }) => {
    const record = run.deliveries.find(({ name }) => name === run.subject);
    const canGoBack = record && livePrevious(run) && rollsBack(run, record) && !isRejected(run, record);
    if (!canGoBack) return fold.deliveryFailed(run, { type: 'deliveryFailed', failure, machines, at });
    const message = `${failure.message} Machine ${machineId} is given the previous token back.`;
    const refusal = { tokenId: run.token?.id ?? '', machineId, message };
    const changed = changeDelivery(run, (before) => ({
      ...rejected(before, refusal, at),
      machines: { ...machines },
    }));
    return { ...changed, recorded: false };
  },
  rolloutPostponed: (run, { until }) => ({
    ...run,
    waiting: { ...run.waiting, [run.subject ?? '']: until },
  }),
  previousKept: (run, { token }) => ({ ...run, previous: token }),
  previousNotKept: (run) => ({ ...run, keepFailed: true }),
  previousForgotten: (run) => ({ ...run, previous: undefined }),
  driftChecked: (run, { digest, progress, at }) => {
    const name = run.subject ?? '';
    const checked = { ...run, driftChecked: [...run.driftChecked, name] };
    const record = run.deliveries.find((candidate) => candidate.name === name);
    if (!record || record.digest !== digest) return changedByOthers(checked, at);
    if (isContested(record)) return changeDelivery(checked, (before) => drifted(before, at));
    if (progress && !progress.done) return fold.rolled(checked, { type: 'rolled', progress, at });
    const seen = progress && { machines: { ...progress.machines } };
    return changeDelivery(checked, (before) => ({ ...before, ...seen }));
  },
  driftUnknown: (run) => ({ ...run, driftChecked: [...run.driftChecked, run.subject ?? ''] }),
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

/** Others may have been asked for a token since the run began. */
function withAwaited(run: Progress, isAwaited: boolean): Progress {
  const { facts, subject = '' } = run;
  const others = facts.awaited.filter((name) => name !== subject);
  return { ...run, facts: { ...facts, awaited: isAwaited ? [...others, subject] : others } };
}

/** What happened to the token before says nothing about a new one. */
function withNewToken(record: DeliveryRecord): DeliveryRecord {
  const { repairs: _count, ...rest } = undrifted(record);
  return rest;
}

/** A machine that refused the token is on its way back to the one before. */
function backOnPrevious(run: Progress, progress: RolloutProgress, at: EpochMs): Progress {
  const name = run.subject ?? '';
  const { previous, token, facts } = run;
  if (!progress.done) return { ...run, waiting: { ...run.waiting, [name]: progress.retryAt ?? at } };
  const changed = changeDelivery(run, (record) => {
    const message =
      `Machine ${record.rollbackMachine} of the Fly app ${record.target.app} did not become healthy with token ` +
      `${token?.id} and has the previous one (${previous?.id}) back; no other machine was touched. Consumers of ` +
      `Secret ${facts.binding.spec.secret.name} hold the new token.`;
    return rolledBack(record, message, at);
  });
  return { ...changed, recorded: false };
}

const DEFAULT_ROLLOUT_TIMEOUT_MS = 30 * 60_000;

function isOverdue(run: Progress, record: DeliveryRecord, progress: RolloutProgress, at: EpochMs): boolean {
  const { timeout } = rolloutOf(run.facts.binding, record.name) ?? {};
  const limit = timeout === undefined ? DEFAULT_ROLLOUT_TIMEOUT_MS : parseDuration(timeout);
  return !progress.done && at - Date.parse(record.rolloutStartedAt ?? '') > limit;
}

function overdue(
  run: Progress,
  { target }: DeliveryRecord,
  progress: RolloutProgress,
  at: EpochMs,
): Progress {
  const message =
    `Fly app ${target.app}: the rollout takes longer than rollout.timeout; machines that wait keep the previous ` +
    `token. ${progress.note ?? ''}`;
  const { machines } = progress;
  return fold.deliveryFailed(run, {
    ...{ type: 'deliveryFailed', machines, at },
    failure: failure('RolloutFailed', message.trim()),
  });
}

/** Somebody else wrote the remote secret: it is written again, but not for ever. */
function changedByOthers(run: Progress, at: EpochMs): Progress {
  const name = run.subject ?? '';
  const isKnown = run.deliveries.some((record) => record.name === name && isContested(record));
  if (isKnown) return run;
  const changed = changeDelivery(run, (record) =>
    (record.repairs ?? 0) < MOST_REPAIRS ? drifted(record, at) : contested(record, at),
  );
  return { ...changed, driftFound: [...run.driftFound, name], recorded: false };
}

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
