import type { SecretValue } from '../secret-value.ts';
import type { OwnerReference } from './kubernetes-object.ts';
import type { ObjectRef } from './object-ref.ts';

/** All that this controller states about a Secret of its own; what it does not state it does not own. */
export interface SecretManifest {
  readonly ref: ObjectRef;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ownerReferences: readonly OwnerReference[];
  readonly data: ReadonlyMap<string, SecretValue>;
}

/** The version of a Secret that was looked at; a write bound to it fails when there is another by now. */
export interface SecretVersion {
  readonly uid: string;
  readonly resourceVersion: string;
}

/** The request body: here, and nowhere else, the values are revealed. */
export function toBody(manifest: SecretManifest, version?: SecretVersion): object {
  const { ref, labels, annotations, ownerReferences } = manifest;
  const data = Array.from(manifest.data, ([key, value]) => [
    key,
    Buffer.from(value.reveal()).toString('base64'),
  ]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: { name: ref.name, namespace: ref.namespace, ...version, labels, annotations, ownerReferences },
    data: Object.fromEntries(data),
  };
}
