import { REFRESH_REQUESTED_AT } from '../src/binding/names.ts';
import type { StepResult } from '../src/binding/results.ts';
import type { StoredToken } from '../src/binding/stored-token.ts';
import { FailureError, type IssueFailureReason } from '../src/failure.ts';
import type { IssuedToken } from '../src/oauth/token-request.ts';
import { fingerprint, readCredential } from './credential.ts';
import type { Run } from './run.ts';

/** Gets a token from the source and keeps it in memory until the Secret has it. */
export async function acquireToken(run: Run): Promise<StepResult> {
  try {
    const token = await requestOne(run);
    return { type: 'issued', token };
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return { type: 'issueFailed', failure: (error as FailureError<IssueFailureReason>).failure };
  }
}

async function requestOne({ world, key, signal, binding }: Run): Promise<StoredToken> {
  const { auth0 } = binding.spec.source;
  const reference = binding.spec.clientAuthentication.clientSecret?.secretRef;
  // The schema demands both; a binding without them is of a later version of the API than this controller.
  if (!auth0 || !reference) throw new Error('the binding names a source or authentication unknown here');
  const { namespace } = binding.metadata;
  const keys = [reference.clientIdKey, reference.clientSecretKey];
  const read = await readCredential(world.secrets, { namespace, name: reference.name }, keys, signal);
  const [id, clientSecret] = read.values;
  if (!id || !clientSecret) throw new Error('readCredential returns a value for every key');
  const clientId = id.reveal();
  world.memory.clients.set(key, { version: read.version, clientIdKey: reference.clientIdKey, clientId });
  const issued = await world.requestToken({ ...auth0, clientId, clientSecret }, signal);
  const token = describe(issued, {
    key,
    fingerprint: fingerprint(binding, clientId),
    dataKey: binding.spec.secret.key,
    refreshRequest: binding.metadata.annotations?.[REFRESH_REQUESTED_AT],
  });
  world.memory.held.set(key, { uid: binding.metadata.uid, token, value: issued.value });
  return token;
}

function describe(
  issued: IssuedToken,
  about: { key: string; fingerprint: string; dataKey: string; refreshRequest: string | undefined },
): StoredToken {
  const { value, ...rest } = issued;
  const { key, fingerprint, dataKey, refreshRequest } = about;
  return {
    ...{ ...rest, id: value.id(key), fingerprint, key: dataKey },
    ...(refreshRequest === undefined ? {} : { refreshRequest }),
  };
}
