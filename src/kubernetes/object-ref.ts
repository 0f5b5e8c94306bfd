/** Names one object of a known namespaced kind. */
export interface ObjectRef {
  readonly namespace: string;
  readonly name: string;
}

/** Names one object of any kind, and which of those that bore the name (core/v1 ObjectReference). */
export interface ObjectReference extends ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly uid: string;
}

/** The form in which queues and caches name an object: `namespace/name`. */
export function keyOf(ref: { readonly namespace?: string; readonly name: string }): string {
  return `${ref.namespace ?? ''}/${ref.name}`;
}

/** Reads a key back. Neither part of a valid key contains a slash (RFC 1123 names). */
export function refOf(key: string): ObjectRef {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
