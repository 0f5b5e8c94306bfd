import type { StepResult } from '../src/binding/step-result.ts';
import { strategyOf } from '../src/binding/targets.ts';
import { FailureError } from '../src/failure.ts';
import { advance, driftKey, openApp } from './fly-step.ts';
import type { Run } from './run.ts';

/** Compares the app of a delivery with what was delivered: its secret by digest, its machines by their markers. */
export async function checkDrift(run: Run): Promise<StepResult> {
  const { progress, world, binding, signal } = run;
  const record = progress.deliveries.find(({ name }) => name === progress.subject);
  if (!record) throw new Error('there is nothing to compare');
  world.memory.driftChecks.set(driftKey(run.key, record.name), world.clock.now());
  try {
    const app = await openApp(run, record.target);
    const digest = await app.secretDigest(record.target.secretName, signal);
    const at = world.clock.now();
    if (digest !== record.digest || strategyOf(binding, record.name) === 'Stage')
      return { type: 'driftChecked', digest, at };
    // A machine that fell ill by itself has the token: that is no drift. Whose turn it is brings machines up to date.
    const advanced = await advance(run, record, app);
    const progress = advanced.type === 'rolled' ? advanced.progress : undefined;
    return { type: 'driftChecked', digest, ...(progress && { progress }), at };
  } catch (error) {
    if (error instanceof FailureError) return { type: 'driftUnknown' };
    throw error;
  }
}
