import { secretInterval } from '../src/binding/comparison.ts';
import { isContested } from '../src/binding/delivery.ts';
import { deliveryInHand } from '../src/binding/progress.ts';
import type { StepResult } from '../src/binding/step-result.ts';
import { type DeliveryRecord, strategyOf } from '../src/binding/targets.ts';
import { type DeliveryFailureReason, FailureError } from '../src/failure.ts';
import { deliveryKey, openApp, tokenVersion } from './fly-access.ts';
import { advance } from './fly-step.ts';
import type { Run } from './run.ts';

/** Compares the app of a delivery with what was delivered: its secret by digest, its machines by their markers. */
export async function checkDrift(run: Run): Promise<StepResult> {
  const { progress, world } = run;
  const record = deliveryInHand(progress);
  if (!record) throw new Error('there is nothing to compare');
  const { driftChecks } = world.memory;
  const key = deliveryKey(run.key, record.name);
  const now = world.clock.now();
  const isWhole = isSecretDue(run, record);
  const secretAt = isWhole ? now : (driftChecks.get(key)?.secretAt ?? now);
  driftChecks.set(key, { secretAt, machinesAt: now });
  try {
    return await compare(run, record, isWhole);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    const failedWith = tokenVersion(progress.facts, record.target);
    driftChecks.set(key, { secretAt: now, machinesAt: now, failedWith });
    const { failure } = error as FailureError<DeliveryFailureReason>;
    return { type: 'driftUnknown', failure, at: world.clock.now() };
  }
}

/** The machines alone may be looked at more often than the secret. */
function isSecretDue({ key, world, binding, progress }: Run, record: DeliveryRecord): boolean {
  const check = world.memory.driftChecks.get(deliveryKey(key, record.name));
  if (!check || check.failedWith !== undefined || isContested(record)) return true;
  return progress.facts.now >= check.secretAt + secretInterval(binding, record);
}

async function compare(run: Run, record: DeliveryRecord, isWhole: boolean): Promise<StepResult> {
  const { world, binding, signal } = run;
  const app = await openApp(run, record.target);
  const digest = isWhole ? await app.secretDigest(record.target.secretName, signal) : record.digest;
  const at = world.clock.now();
  const isSecretAlone = strategyOf(binding, record.name) === 'Stage' || isContested(record);
  if (digest !== record.digest || isSecretAlone) return { type: 'driftChecked', digest, at };
  const advanced = await advance(run, record, app);
  // While another binding rolls the app out its machines are left to that. One that fell ill by itself has the token.
  if (advanced.type === 'rolloutPostponed' || isIllnessAlone(advanced))
    return { type: 'driftChecked', digest, at };
  return advanced.type === 'rolled'
    ? { type: 'driftChecked', digest, progress: advanced.progress, at }
    : advanced;
}

function isIllnessAlone(result: StepResult): boolean {
  if (result.type === 'deliveryFailed') return result.complete === true;
  return result.type === 'rolled' && !result.progress.done && result.progress.complete === true;
}
