import type { EpochMs } from '../clock.ts';
import { afterFailure } from './attempts.ts';
import { checked, unchecked } from './comparison.ts';
import {
  contested,
  drifted,
  isContested,
  MOST_REPAIRS,
  served,
  staged,
  undrifted,
  written,
} from './delivery.ts';
import {
  changeDelivery,
  deliveryFailed,
  rolloutAdvanced,
  setback,
  tokenRejected,
} from './delivery-results.ts';
import { claim } from './due.ts';
import { cleanupName, issueCircumstances, type Progress } from './progress.ts';
import { isRejected, wantedToken } from './rollback.ts';
import type { StepResult } from './step-result.ts';
import { type DeliveryRecord, needsFinalizer, strategyOf } from './targets.ts';

type Result<T extends StepResult['type']> = Extract<StepResult, { type: T }>;

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
      const next = checked(written(record, wanted, write, at));
      return isStage ? served(undrifted(staged(next, at)), run.token?.expiresAt ?? at) : next;
    });
    return { ...changed, recorded: false, secretsSet: [...run.secretsSet, run.subject ?? ''] };
  },
  rolled: rolloutAdvanced,
  deliveryFailed,
  tokenRejected,
  rolloutPostponed: (run, { until }) => ({
    ...run,
    waiting: { ...run.waiting, [run.subject ?? '']: until },
  }),
  previousKept: (run, { token }) => ({ ...run, previous: token }),
  previousNotKept: (run) => ({ ...run, keepFailed: true }),
  previousForgotten: (run) => ({ ...run, previous: undefined }),
  driftChecked: (run, { digest, progress, at }) => {
    const name = run.subject ?? '';
    const compared = changeDelivery({ ...run, driftChecked: [...run.driftChecked, name] }, checked);
    const record = run.deliveries.find((candidate) => candidate.name === name);
    if (!record || record.digest !== digest) return changedByOthers(compared, at);
    if (isContested(record)) return changeDelivery(compared, (before) => drifted(before, at));
    if (progress && !progress.done) return fold.rolled(compared, { type: 'rolled', progress, at });
    const seen = progress && { machines: { ...progress.machines } };
    return changeDelivery(compared, (before) => ({ ...before, ...seen }));
  },
  driftUnknown: (run, { failure, at }) => {
    const name = run.subject ?? '';
    const compared = { ...run, driftChecked: [...run.driftChecked, name] };
    const mayPass = failure.disposition === 'retry' && !run.facts.unchecked.includes(name);
    return mayPass ? compared : changeDelivery(compared, (before) => unchecked(before, failure, at));
  },
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
