import { TOKEN_LABEL } from '../src/binding/names.ts';
import { previousSecretName } from '../src/binding/rollback.ts';
import { fromAnnotations, type StoredToken, toAnnotations } from '../src/binding/stored-token.ts';
import type { TokenBinding } from '../src/binding/token-binding.ts';
import type { ObjectRef } from '../src/kubernetes/object-ref.ts';
import type { SecretManifest } from '../src/kubernetes/secret-manifest.ts';
import type { SecretMetadata } from '../src/kubernetes/secret-metadata.ts';
import type { SecretValue } from '../src/secret-value.ts';
import { versionOf } from './credential.ts';
import { foreignOwner, ownerOf } from './token-secret.ts';
import { keyOfBinding, type World } from './world.ts';

const KEY = 'token';

/**
 * Where the token before the current one is kept while a rollout may have to go back to it. A Secret of its own:
 * as a key of the target Secret, `envFrom` would publish it.
 */
export function previousRef({ metadata, spec }: TokenBinding): ObjectRef {
  return { namespace: metadata.namespace, name: previousSecretName(spec.secret.name) };
}

export function previousSecret(
  binding: TokenBinding,
  token: StoredToken,
  value: SecretValue,
): SecretManifest {
  return {
    ref: previousRef(binding),
    labels: { [TOKEN_LABEL]: 'true' },
    annotations: toAnnotations(binding.metadata.name, { ...token, key: KEY }),
    ownerReferences: [ownerOf(binding)],
    data: new Map([[KEY, value]]),
  };
}

/** What the cache knows of it, when it is ours. */
export function knownPrevious(world: World, binding: TokenBinding): SecretMetadata | undefined {
  const metadata = world.secrets.metadata(previousRef(binding));
  return metadata && foreignOwner(binding, metadata) === undefined ? metadata : undefined;
}

/** The token kept in it, when it is intact; read once per version. */
export async function observePrevious(
  world: World,
  binding: TokenBinding,
  signal: AbortSignal,
): Promise<StoredToken | undefined> {
  const metadata = knownPrevious(world, binding);
  const token = metadata && fromAnnotations(metadata.annotations);
  if (!metadata || !token) return undefined;
  const key = keyOfBinding(binding);
  const version = versionOf(metadata);
  if (world.memory.previous.get(key)?.version !== version) {
    const reading = await world.secrets.read(metadata.ref, signal);
    if (!reading || versionOf(reading.metadata) !== version) return undefined;
    const ids = new Map(Array.from(reading.data, ([name, value]) => [name, value.id(key)]));
    world.memory.previous.set(key, { version, ids });
  }
  return world.memory.previous.get(key)?.ids.get(token.key) === token.id ? token : undefined;
}
