import { MANAGER } from '../binding/names.ts';
import type { KubernetesObject, ManagedFieldsEntry, OwnerReference } from './kubernetes-object.ts';
import { awaitsHandOver } from './managed-fields.ts';
import type { ObjectRef } from './object-ref.ts';

/** What is cached of a Secret: everything but its values. */
export interface SecretMetadata {
  readonly ref: ObjectRef;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ownerReferences: readonly OwnerReference[];
  /** RFC 3339; set once the Secret is being deleted. */
  readonly deletionTimestamp?: string;
  /** All managed fields, kept only while something in them is to be handed over to our applies. */
  readonly awaitingHandOver?: readonly ManagedFieldsEntry[];
}

/** Asks for metadata only, in lists, watch events and answers to writes: no value ever travels back. */
export const METADATA_LIST = accept('PartialObjectMetadataList');
export const METADATA = accept('PartialObjectMetadata');

/** Projects a Secret or its PartialObjectMetadata. */
export function toSecretMetadata({ metadata }: KubernetesObject): SecretMetadata {
  const managed = metadata.managedFields ?? [];
  return {
    ref: { namespace: metadata.namespace ?? '', name: metadata.name },
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    ownerReferences: metadata.ownerReferences ?? [],
    ...(metadata.deletionTimestamp === undefined ? {} : { deletionTimestamp: metadata.deletionTimestamp }),
    ...(awaitsHandOver(MANAGER, managed) ? { awaitingHandOver: managed } : {}),
  };
}

function accept(kind: string): string {
  return `application/json;as=${kind};g=meta.k8s.io;v=v1`;
}
