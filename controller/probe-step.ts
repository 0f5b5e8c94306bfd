import { parseDuration } from '../src/binding/duration.ts';
import type { StepResult } from '../src/binding/step-result.ts';
import type { Run } from './run.ts';
import { OutdatedError } from './world.ts';

/** Tries the held token at the API of spec.verify.probe, before anybody gets it. */
export async function probeToken(run: Run): Promise<StepResult> {
  const { world, key, binding, progress, signal } = run;
  const probe = binding.spec.verify?.probe;
  const held = world.memory.held.get(key);
  if (!probe || held?.token.id !== progress.held?.id || !held)
    throw new OutdatedError('the held token is gone');
  const { url, expectStatus, rejectStatus, timeout } = probe;
  const timeoutMs = parseDuration(timeout);
  const verdict = await world.probeToken({ url, expectStatus, rejectStatus, timeoutMs }, held.value, signal);
  if (verdict.result === 'rejected')
    return { type: 'issueFailed', failure: verdict.failure, at: world.clock.now() };
  const probed =
    verdict.result === 'accepted'
      ? ({ result: 'Accepted' } as const)
      : ({ result: 'Inconclusive', message: verdict.message } as const);
  world.memory.held.set(key, { ...held, probed });
  return { type: 'probed', ...probed };
}
