import { cleanupName } from '../src/binding/progress.ts';
import type { StepResult } from '../src/binding/results.ts';
import type { DeliveryRecord } from '../src/binding/targets.ts';
import { type DeliveryFailureReason, type Failure, FailureError } from '../src/failure.ts';
import { type FlyApp, ROLLOUT_MARKER } from '../src/fly/fly-app.ts';
import type { RolloutPolicy } from '../src/fly/rollout-site.ts';
import { readCredential, valueAt } from './credential.ts';
import type { Run } from './run.ts';
import { storedToken } from './secret-step.ts';

const POLICY: RolloutPolicy = {
  strategy: 'Rolling',
  maxUnavailable: { count: 1 },
  machineTimeoutMs: 300_000,
  includeUnmanaged: true,
};

/** Writes the stored token into the vault of the delivery's app; its machines are not touched. */
export function setFlySecret(run: Run): Promise<StepResult> {
  return deliver(run, async (record) => {
    const { token } = run.progress;
    if (!token) throw new Error('there is no token to deliver');
    const value = await storedToken(run, token);
    const app = await openApp(run, record.target);
    const write = await app.setSecret(record.target.secretName, value, run.signal);
    return { type: 'flySecretSet', write, at: run.world.clock.now() };
  });
}

/** Takes the rollout one machine further. */
export function rollOut(run: Run): Promise<StepResult> {
  return deliver(run, async (record) => {
    const app = await openApp(run, record.target);
    const { machines, state, retryAt, failure } = await app.advanceRollout(
      { secretsVersion: record.secretsVersion ?? 0, marker: ROLLOUT_MARKER },
      POLICY,
      run.signal,
    );
    const at = run.world.clock.now();
    if (state === 'failed' && failure) return { type: 'deliveryFailed', failure, machines, at };
    const done = state === 'done';
    // What is in the way of a rollout that waits is worth telling, and no failure yet.
    const progress = { machines, done, retryAt: done ? undefined : (retryAt ?? at), note: failure?.message };
    return { type: 'rolled', progress, at };
  });
}

/** Unsets a remote secret that nothing asks for any more; an app that is gone took its secrets along. */
export async function cleanUp(run: Run): Promise<StepResult> {
  const cleanup = run.progress.cleanups.find((candidate) => cleanupName(candidate) === run.progress.subject);
  if (!cleanup) throw new Error('there is nothing to clean up');
  try {
    const app = await openApp(run, cleanup);
    await app.unsetSecret(cleanup.secretName, run.signal);
    return { type: 'unset' };
  } catch (error) {
    return { type: 'cleanupFailed', failure: failureIn(error), at: run.world.clock.now() };
  }
}

async function deliver(run: Run, work: (record: DeliveryRecord) => Promise<StepResult>): Promise<StepResult> {
  const record = run.progress.deliveries.find(({ name }) => name === run.progress.subject);
  if (!record) throw new Error('there is nothing to deliver');
  try {
    return await work(record);
  } catch (error) {
    return { type: 'deliveryFailed', failure: failureIn(error), at: run.world.clock.now() };
  }
}

async function openApp(
  run: Run,
  target: { app: string; apiTokenRef: { name: string; key: string } },
): Promise<FlyApp> {
  const { name, key } = target.apiTokenRef;
  const ref = { namespace: run.binding.metadata.namespace, name };
  const credential = await readCredential(run.world.secrets, { ref, keys: [key] }, run.signal);
  return run.world.flyApp(target.app, valueAt(credential, key));
}

/** What a delivery may fail with; anything else is not the delivery's fault and ends the run. */
function failureIn(error: unknown): Failure<DeliveryFailureReason> {
  if (error instanceof FailureError) return (error as FailureError<DeliveryFailureReason>).failure;
  throw error;
}
