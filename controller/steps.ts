import { claim } from '../src/binding/due.ts';
import type { Step } from '../src/binding/machine.ts';
import { statusOf } from '../src/binding/status.ts';
import type { StepResult } from '../src/binding/step-result.ts';
import { needsFinalizer } from '../src/binding/targets.ts';
import { hasReason } from '../src/kubernetes/api-error.ts';
import { checkDrift } from './drift-step.ts';
import { cleanUp, rollOut, setFlySecret } from './fly-step.ts';
import { acquireToken } from './issue-step.ts';
import { forgetPrevious, keepPrevious } from './previous-step.ts';
import { probeToken } from './probe-step.ts';
import { type Run, recordStatus } from './run.ts';
import { writeSecret } from './secret-step.ts';
import { OutdatedError } from './world.ts';

/** What each state of the machine does. A state without an entry is a compile error. */
export const STEPS: { readonly [S in Step]: (run: Run) => Promise<StepResult> } = {
  acquiringToken: acquireToken,
  probingToken: probeToken,
  keepingPrevious: keepPrevious,
  checkingDrift: checkDrift,
  forgettingPrevious: forgetPrevious,
  writingSecret: writeSecret,
  recording: record,
  settingFlySecret: setFlySecret,
  rollingOut: rollOut,
  cleaningUp: cleanUp,
  releasing: release,
};

/** Makes the targets durable, the finalizer first: from then on no crash and no deletion can lose one. */
async function record(run: Run): Promise<StepResult> {
  const { progress, world } = run;
  if (needsFinalizer(progress) && !progress.finalized) {
    run.binding = await unlessOutdated(world.bindings.addFinalizer(run.binding, run.signal));
  }
  await recordStatus(run, statusOf(claim(progress)));
  return { type: 'recorded' };
}

async function release(run: Run): Promise<StepResult> {
  run.binding = await unlessOutdated(run.world.bindings.removeFinalizer(run.binding, run.signal));
  return { type: 'released' };
}

async function unlessOutdated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (hasReason(error, 'Conflict')) throw new OutdatedError('the binding changed');
    throw error;
  }
}
