import type { StepResult } from '../src/binding/step-result.ts';
import type { StoredToken } from '../src/binding/stored-token.ts';
import { FailureError, failure, type IssueFailureReason } from '../src/failure.ts';
import { ApiError, hasReason } from '../src/kubernetes/api-error.ts';
import type { SecretManifest } from '../src/kubernetes/secret-manifest.ts';
import type { SecretMetadata } from '../src/kubernetes/secret-metadata.ts';
import type { SecretValue } from '../src/secret-value.ts';
import { versionOf } from './credential.ts';
import { instantOf } from './instant.ts';
import { previousRef } from './previous-secret.ts';
import type { Run } from './run.ts';
import { tokenSecret } from './token-secret.ts';
import { OutdatedError } from './world.ts';

/** Stores the held token, or writes the stored one anew in the shape that the spec asks for. */
export async function writeSecret(run: Run): Promise<StepResult> {
  const { world, key, progress, binding } = run;
  const found = progress.held ?? progress.token;
  if (!found) throw new Error('there is no token to write');
  const value = progress.held ? heldValue(run) : await storedToken(run, found);
  const token: StoredToken = { ...found, key: binding.spec.secret.key };
  const manifest = tokenSecret(binding, token, value);
  try {
    run.secret = await write(run, manifest);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    const { failure } = error as FailureError<IssueFailureReason>;
    return { type: 'issueFailed', failure, at: world.clock.now() };
  }
  const ids = new Map(Array.from(manifest.data, ([name, content]) => [name, content.id(key)]));
  world.memory.readings.set(key, { version: versionOf(run.secret), ids });
  world.memory.held.delete(key);
  // From now on, not from the next look on: the wall clock may be set back before that.
  if (progress.held) world.memory.anchors.set(key, { tokenId: token.id, ...instantOf(world.clock) });
  return { type: 'secretWritten', token };
}

/**
 * Reads the token out of its Secret, the durable output of the step before.
 *
 * @throws OutdatedError when the Secret no longer holds that token
 */
export async function storedToken(run: Run, token: StoredToken): Promise<SecretValue> {
  const { namespace } = run.binding.metadata;
  const isPrevious = token.id === run.progress.previous?.id && token.id !== run.progress.token?.id;
  const ref = isPrevious ? previousRef(run.binding) : { namespace, name: run.binding.spec.secret.name };
  const reading = await run.world.secrets.read(ref, run.signal);
  const value = reading?.data.get(token.key);
  if (value?.id(run.key) !== token.id) throw new OutdatedError(`Secret ${namespace}/${ref.name} changed`);
  return value;
}

function heldValue({ world, key, progress }: Run): SecretValue {
  const held = world.memory.held.get(key);
  if (!held || held.token.id !== progress.held?.id) throw new OutdatedError('the held token is gone');
  return held.value;
}

/** A Secret that appeared, changed or went since it was observed is left alone and observed again. */
async function write({ world, secret, signal }: Run, manifest: SecretManifest): Promise<SecretMetadata> {
  try {
    if (secret) return await world.secrets.apply(manifest, secret, signal);
    return await world.secrets.create(manifest, signal);
  } catch (error) {
    const isOutdated = ['AlreadyExists', 'Conflict', 'NotFound'].some((reason) => hasReason(error, reason));
    if (isOutdated) throw new OutdatedError(`Secret ${manifest.ref.namespace}/${manifest.ref.name} changed`);
    throw isRefusal(error) ? new FailureError(failure('SecretRefused', refusalOf(error, manifest))) : error;
  }
}

/** What is wrong with the write, not with the API server: a policy, a quota, a right withdrawn, an immutable Secret. */
export const isRefusal = (error: unknown): error is ApiError =>
  error instanceof ApiError && [400, 403, 413, 422].includes(error.status);

function refusalOf({ status, reason }: ApiError, { ref }: SecretManifest): string {
  return (
    `The API server refused to store the token in Secret ${ref.namespace}/${ref.name} (${status} ${reason}). ` +
    'Look for an immutable Secret, a ResourceQuota, an admission policy or a right taken from the controller.'
  );
}
