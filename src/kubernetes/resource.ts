/** A resource of the API: where its objects live. */
export interface Resource {
  /** `v1` for the core group, `group/version` otherwise. */
  readonly apiVersion: string;
  /** Plural, as in paths and RBAC rules. */
  readonly plural: string;
}

/** One place in a resource: a collection (no name) or an object; all namespaces when none is given. */
export interface Place {
  readonly resource: Resource;
  readonly namespace?: string | undefined;
  readonly name?: string;
  readonly subresource?: 'status' | 'token';
}

/** The URL path of a place, from the API server's root. */
export function pathOf(place: Place): string {
  const { resource, namespace, name, subresource } = place;
  const root = resource.apiVersion.includes('/') ? 'apis' : 'api';
  const scope = namespace === undefined ? [] : ['namespaces', namespace];
  const rest = [resource.plural, name, subresource].filter((part) => part !== undefined);
  return `/${root}/${resource.apiVersion}/${[...scope, ...rest].map(encodeURIComponent).join('/')}`;
}
