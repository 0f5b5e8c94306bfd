import type { StepResult } from '../src/binding/step-result.ts';
import { hasReason } from '../src/kubernetes/api-error.ts';
import { knownPrevious, previousRef, previousSecret } from './previous-secret.ts';
import type { Run } from './run.ts';
import { isRefusal, storedToken } from './secret-step.ts';
import { OutdatedError } from './world.ts';

/** Keeps the current token in a Secret of its own, before another replaces it. */
export async function keepPrevious(run: Run): Promise<StepResult> {
  const { world, binding, progress, signal } = run;
  const { token } = progress;
  if (!token) throw new Error('there is no token to keep');
  const manifest = previousSecret(binding, token, await storedToken(run, token));
  const known = knownPrevious(world, binding);
  try {
    if (known) await world.secrets.apply(manifest, known, signal);
    else await world.secrets.create(manifest, signal);
    return { type: 'previousKept', token };
  } catch (error) {
    // Somebody else's Secret of that name, or a policy: a rollout that fails halts then, and says so.
    if (isRefusal(error) || hasReason(error, 'AlreadyExists')) return { type: 'previousNotKept' };
    if (hasReason(error, 'Conflict') || hasReason(error, 'NotFound'))
      throw new OutdatedError(`Secret ${manifest.ref.name} changed`);
    throw error;
  }
}

/** Deletes the Secret with the previous token; where that is forbidden it stays, until the next one replaces it. */
export async function forgetPrevious({ world, binding, key, signal }: Run): Promise<StepResult> {
  const known = knownPrevious(world, binding);
  try {
    if (known) await world.secrets.remove(previousRef(binding), known, signal);
  } catch (error) {
    if (hasReason(error, 'Conflict')) throw new OutdatedError('the Secret with the previous token changed');
    if (!isRefusal(error)) throw error;
  }
  world.memory.previous.delete(key);
  return { type: 'previousForgotten' };
}
