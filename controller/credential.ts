import { CREDENTIAL_LABEL } from '../src/binding/names.ts';
import { FailureError, failure } from '../src/failure.ts';
import type { ObjectRef } from '../src/kubernetes/object-ref.ts';
import type { Secrets } from '../src/kubernetes/secrets.ts';
import { SecretValue } from '../src/secret-value.ts';

/** A referenced Secret, read for use. */
export interface Credential {
  /** `uid/resourceVersion`. */
  readonly version: string;
  readonly values: ReadonlyMap<string, SecretValue>;
}

/** What is read of a Secret. */
export interface CredentialRequest {
  readonly ref: ObjectRef;
  readonly keys: readonly string[];
  /** Keys that need not be there. */
  readonly optional?: readonly string[];
}

/**
 * Reads keys of a Secret that its owner lets bindings use.
 *
 * @throws FailureError `CredentialsMissing`, with the command or field that mends it, when the Secret, its label
 *   or a key is missing
 */
export async function readCredential(
  secrets: Pick<Secrets, 'read'>,
  { ref, keys, optional = [] }: CredentialRequest,
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
        `\`kubectl label secret ${name} -n ${namespace} ${CREDENTIAL_LABEL}=true\`.`,
    );
  }
  const absent = keys.filter((key) => !reading.data.has(key));
  if (absent.length > 0)
    throw missing(
      `Secret ${namespace}/${name} lacks ${keyList(absent)}; add what is missing, or correct the key in the binding.`,
    );
  const values = new Map<string, SecretValue>();
  for (const key of [...keys, ...optional]) {
    const value = reading.data.get(key);
    if (value) values.set(key, trimmed(value));
  }
  return { version: versionOf(reading.metadata), values };
}

/** One value that `readCredential` was asked for among its `keys`. */
export function valueAt({ values }: Credential, key: string): SecretValue {
  const value = values.get(key);
  if (!value) throw new Error('readCredential gives a value for every key');
  return value;
}

/** The version of a Secret as kept in status. */
export const versionOf = ({ uid, resourceVersion }: { uid: string; resourceVersion: string }) =>
  `${uid}/${resourceVersion}`;

/** A line break at the end comes from `echo` and `--from-file`, never from an issuer. */
const trimmed = (value: SecretValue) => new SecretValue(value.reveal().trim());

const missing = (message: string) => new FailureError(failure('CredentialsMissing', message));

const keyList = (keys: readonly string[]) => `${keys.length > 1 ? 'keys' : 'key'} ${keys.join(' and ')}`;
