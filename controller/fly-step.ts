import { isProven } from '../src/binding/delivery.ts';
import { isDelivered } from '../src/binding/due.ts';
import { cleanupName, deliveryInHand } from '../src/binding/progress.ts';
import { wantedToken } from '../src/binding/rollback.ts';
import type { StepResult } from '../src/binding/step-result.ts';
import { type DeliveryRecord, strategyOf } from '../src/binding/targets.ts';
import { type DeliveryFailureReason, type Failure, FailureError } from '../src/failure.ts';
import { type FlyApp, ROLLOUT_MARKER } from '../src/fly/fly-app.ts';
import type { RolloutProgress } from '../src/fly/rollout-progress.ts';
import type { RolloutTarget } from '../src/fly/rollout-site.ts';
import { SecretValue } from '../src/secret-value.ts';
import { AppClaims } from './app-claims.ts';
import { openApp, openForWriting } from './fly-access.ts';
import { rolloutPolicy } from './rollout-policy.ts';
import type { Run } from './run.ts';
import { storedToken } from './secret-step.ts';

/** Writes the token that the delivery is to hold into the vault of its app; machines are not touched. */
export function setFlySecret(run: Run): Promise<StepResult> {
  return deliver(run, async (record) => {
    const value = encoded(run, record, await wantedValue(run, record));
    const app = await openForWriting(run, record);
    const write = await app.setSecret(record.target.secretName, value, run.signal);
    const at = run.world.clock.now();
    const claims = new AppClaims(run.binding, run.world.bindings.list());
    return { type: 'flySecretSet', write, awaited: claims.isAwaited(record.target.app, at), at };
  });
}

/** Takes the rollout some machines further. */
export function rollOut(run: Run): Promise<StepResult> {
  return deliver(run, async (record) => advance(run, record, await openApp(run, record.target)));
}

/** How long to wait while another binding rolls the same app out, in ms. */
const TURN_MS = 2_000;

/** One rollout per app at a time; it serves every binding that has written to the app by then. */
export async function advance(run: Run, record: DeliveryRecord, app: FlyApp): Promise<StepResult> {
  const { key, world, signal, binding } = run;
  const { turns } = world.memory;
  const { app: name } = record.target;
  const now = world.clock.now();
  if ((turns.get(name) ?? key) !== key) return { type: 'rolloutPostponed', until: now + TURN_MS };
  turns.set(name, key);
  try {
    const target = targetOf(run, record);
    const isReload = strategyOf(binding, record.name) === 'Reload';
    const value = isReload ? await wantedValue(run, record) : undefined;
    return resultOf(
      await app.advanceRollout(target, rolloutPolicy(binding, record.name, value), signal),
      run,
      record,
    );
  } finally {
    turns.delete(name);
  }
}

/**
 * A rollout back to the previous token is of one machine only; others never had the new one. Any other is measured
 * by what this delivery wrote, and made with the latest that anybody did: whoever comes next finds it done.
 */
function targetOf(run: Run, record: DeliveryRecord): RolloutTarget {
  const { rollbackMachine, secretsVersion = 0 } = record;
  const marker = ROLLOUT_MARKER;
  if (rollbackMachine !== undefined) return { secretsVersion, marker, only: rollbackMachine };
  const later = laterWrites(run, record);
  const floor = Math.max(secretsVersion, ...later.map((other) => other.secretsVersion ?? 0));
  // A machine that is updated gets what others wrote as well, which may be the worse for it: one goes first, for all.
  if (!isDelivered(run.progress, record) && !later.every(isProven)) return { secretsVersion: floor, marker };
  return { secretsVersion, marker, floor, proven: isProven(record) };
}

/** Deliveries to the same app, of any binding, whose secret was written after that of `record`. */
function laterWrites({ binding, world, progress }: Run, record: DeliveryRecord): DeliveryRecord[] {
  const { app } = record.target;
  const others = new AppClaims(binding, world.bindings.list()).deliveriesTo(app);
  const own = progress.deliveries.filter(({ target }) => target.app === app);
  return [...own, ...others].filter((each) => (each.secretsVersion ?? 0) > (record.secretsVersion ?? 0));
}

function resultOf(
  progress: RolloutProgress,
  { world }: Run,
  { rollbackMachine }: DeliveryRecord,
): StepResult {
  const { machines, state, retryAt, failure, note, spearhead, proven } = progress;
  const at = world.clock.now();
  if (state === 'failed' && failure) {
    const isRefused = spearhead?.state === 'refused' && rollbackMachine === undefined;
    return isRefused
      ? { type: 'tokenRejected', failure, machineId: spearhead.machineId, machines, at }
      : { type: 'deliveryFailed', failure, machines, complete: isComplete(progress), at };
  }
  const done = state === 'done';
  // What is in the way of a rollout that waits is worth telling, and no failure yet.
  const next = {
    machines,
    done,
    proven,
    complete: isComplete(progress),
    retryAt: done ? undefined : (retryAt ?? at),
    note: note ?? failure?.message,
  };
  return { type: 'rolled', progress: next, at };
}

/** Whether every machine had the token before, and the rollout was one of nothing. */
const isComplete = ({ complete = false, updatedMachines = [] }: RolloutProgress) =>
  complete && updatedMachines.length === 0;

function wantedValue(run: Run, record: DeliveryRecord): Promise<SecretValue> {
  const token = wantedToken(run.progress, record);
  if (!token) throw new Error('there is no token to deliver');
  return storedToken(run, token);
}

/** For files that Fly makes of secrets at boot: those are written in base64 (fly.toml, [[files]] secret_name). */
function encoded({ binding }: Run, { name }: DeliveryRecord, value: SecretValue): SecretValue {
  const found = binding.spec.deliveries.find((delivery) => delivery.name === name);
  if (found?.fly.encoding !== 'Base64') return value;
  return new SecretValue(Buffer.from(value.reveal()).toString('base64'));
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
  const record = deliveryInHand(run.progress);
  if (!record) throw new Error('there is nothing to deliver');
  try {
    return await work(record);
  } catch (error) {
    return { type: 'deliveryFailed', failure: failureIn(error), at: run.world.clock.now() };
  }
}

/** What a delivery may fail with; anything else is not the delivery's fault and ends the run. */
function failureIn(error: unknown): Failure<DeliveryFailureReason> {
  if (error instanceof FailureError) return (error as FailureError<DeliveryFailureReason>).failure;
  throw error;
}
