import { createHash } from 'node:crypto';
import { timestamp } from '../src/binding/conditions.ts';
import { GROUP, TOKEN_LABEL } from '../src/binding/names.ts';
import { boundTo, type StoredToken, toAnnotations } from '../src/binding/stored-token.ts';
import type { TokenBinding } from '../src/binding/token-binding.ts';
import { referenceTo } from '../src/kubernetes/bindings.ts';
import type { OwnerReference } from '../src/kubernetes/kubernetes-object.ts';
import type { SecretManifest } from '../src/kubernetes/secret-manifest.ts';
import type { SecretMetadata } from '../src/kubernetes/secret-metadata.ts';
import { SecretValue } from '../src/secret-value.ts';
import { keyOfBinding } from './world.ts';

const SHAPE = `${GROUP}/shape`;

/** The target Secret as it is to be for a token: labels, annotations, owner and data, all that we own of it. */
export function tokenSecret(binding: TokenBinding, token: StoredToken, value: SecretValue): SecretManifest {
  const { namespace } = binding.metadata;
  const { name, key, expiryKey, labels, annotations } = binding.spec.secret;
  const data = new Map([[key, value]]);
  if (expiryKey !== undefined) data.set(expiryKey, new SecretValue(timestamp(token.expiresAt)));
  return {
    ref: { namespace, name },
    labels: { ...labels, [TOKEN_LABEL]: 'true' },
    annotations: {
      ...annotations,
      ...toAnnotations(binding.metadata.name, { ...token, key }),
      [SHAPE]: shapeOf(binding),
    },
    ownerReferences: [ownerOf(binding)],
    data,
  };
}

/** Whether the Secret is as `tokenSecret` makes it. A label that we stopped owning shows in the shape's hash. */
export function isShaped(
  binding: TokenBinding,
  token: StoredToken,
  found: { metadata: SecretMetadata; ids: ReadonlyMap<string, string> },
): boolean {
  const wanted = tokenSecret(binding, token, new SecretValue(''));
  const { key, expiryKey } = binding.spec.secret;
  const expiry = expiryKey === undefined ? undefined : wanted.data.get(expiryKey);
  return (
    includes(found.metadata.labels, wanted.labels) &&
    includes(found.metadata.annotations, wanted.annotations) &&
    controllerOf(found.metadata)?.uid === binding.metadata.uid &&
    found.ids.get(key) === token.id &&
    (expiryKey === undefined || found.ids.get(expiryKey) === expiry?.id(keyOfBinding(binding)))
  );
}

/** Whose the Secret is: undefined when it is the binding's own, else the owner's name for a message. */
export function foreignOwner(binding: TokenBinding, metadata: SecretMetadata): string | undefined {
  const controller = controllerOf(metadata);
  if (controller) {
    return controller.uid === binding.metadata.uid ? undefined : `${controller.kind} ${controller.name}`;
  }
  const isOurs = boundTo(metadata.annotations) === binding.metadata.name;
  return isOurs ? undefined : 'nobody this controller knows (it has no owner reference)';
}

/** The binding as the one owner of a Secret. */
export function ownerOf(binding: TokenBinding): OwnerReference {
  const { apiVersion, kind, name, uid } = referenceTo(binding);
  return { apiVersion, kind, name, uid, controller: true };
}

const controllerOf = (metadata: SecretMetadata) =>
  metadata.ownerReferences.find((owner) => owner.controller === true);

function shapeOf(binding: TokenBinding): string {
  const { key, expiryKey = null, labels = {}, annotations = {} } = binding.spec.secret;
  const sorted = [labels, annotations].map((map) => Object.entries(map).sort());
  return createHash('sha256')
    .update(JSON.stringify([key, expiryKey, sorted]))
    .digest('hex')
    .slice(0, 16);
}

const includes = (found: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>) =>
  Object.entries(wanted).every(([name, value]) => found[name] === value);
