import { createHash } from 'node:crypto';
import { CREDENTIAL_LABEL } from '../src/binding/names.ts';
import type { TokenBinding } from '../src/binding/token-binding.ts';
import { FailureError, failure } from '../src/failure.ts';
import type { ObjectRef } from '../src/kubernetes/object-ref.ts';
import type { Secrets } from '../src/kubernetes/secrets.ts';
import { SecretValue } from '../src/secret-value.ts';

/** A referenced Secret, read for use. */
export interface Credential {
  /** `uid/resourceVersion`. */
  readonly version: string;
  readonly values: readonly SecretValue[];
}

/**
 * Reads keys of a Secret that its owner lets bindings use.
 *
 * @throws FailureError `CredentialsMissing`, with the command or field that mends it, when the Secret, its label
 *   or a key is missing
 */
export async function readCredential(
  secrets: Pick<Secrets, 'read'>,
  ref: ObjectRef,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<Credential> {
  const { namespace, name } = ref;
  const reading = await secrets.read(ref, signal);
  if (!reading)
    throw missing(
      `Secret ${namespace}/${name} does not exist; create it with ${keyList(keys)}, or correct the name in the binding.`,
    );
  if (reading.metadata.labels[CREDENTIAL_LABEL] !== 'true') {
    throw missing(
      `Secret ${namespace}/${name} is not released for use by bindings; its owner does that with: ` +
        `kubectl label secret ${name} -n ${namespace} ${CREDENTIAL_LABEL}=true`,
    );
  }
  const values = keys.map((key) => reading.data.get(key));
  const absent = keys.filter((_, index) => values[index] === undefined);
  if (absent.length > 0)
    throw missing(
      `Secret ${namespace}/${name} lacks ${keyList(absent)}; add what is missing, or correct the key in the binding.`,
    );
  const present = values.filter((value) => value !== undefined);
  return { version: versionOf(reading.metadata), values: present.map(trimmed) };
}

/** The version of a Secret as kept in status. */
export const versionOf = ({ uid, resourceVersion }: { uid: string; resourceVersion: string }) =>
  `${uid}/${resourceVersion}`;

/** What shapes a token besides the moment: a token with an equal fingerprint still fits. Names no secret. */
export function fingerprint(binding: TokenBinding, clientId: string): string {
  const { auth0 } = binding.spec.source;
  const shape = ['auth0', auth0?.domain, auth0?.audience, clientId];
  return createHash('sha256').update(JSON.stringify(shape)).digest('hex').slice(0, 16);
}

/** A line break at the end comes from `echo` and `--from-file`, never from an issuer. */
const trimmed = (value: SecretValue) => new SecretValue(value.reveal().trim());

const missing = (message: string) => new FailureError(failure('CredentialsMissing', message));

const keyList = (keys: readonly string[]) => `${keys.length > 1 ? 'keys' : 'key'} ${keys.join(' and ')}`;
