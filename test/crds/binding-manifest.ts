/** A TokenBinding as somebody writes it, defaults left out. */
export interface BindingManifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion?: string };
  readonly spec: object;
  readonly status?: object;
}

/** The whole object most people write, with `value` at `path` (as in `spec.a.0.b`), or without it if undefined. */
export function bindingManifest(path?: string, value?: unknown): BindingManifest {
  return manifestWith(path === undefined ? {} : { [path]: value });
}

/** The whole object most people write, with a value at each path, or without what is undefined. */
export function manifestWith(changes: Readonly<Record<string, unknown>>): BindingManifest {
  const manifest: BindingManifest = {
    apiVersion: 'tokenbinding.erauner.dev/v1alpha1',
    kind: 'TokenBinding',
    metadata: { name: 'toolbridge-api', namespace: 'default' },
    spec: {
      source: { auth0: { domain: 'acme.eu.auth0.com', audience: 'https://api.acme.dev' } },
      clientAuthentication: { clientSecret: { secretRef: { name: 'toolbridge-m2m' } } },
      secret: { name: 'toolbridge-api-token' },
      deliveries: [delivery('mcp')],
    },
  };
  for (const [path, value] of Object.entries(changes)) setAt(manifest, path.split('.'), value);
  return manifest;
}

/** A delivery to the app and secret that all deliveries here share unless told otherwise. */
export function delivery(name: string, fly: object = {}): object {
  const apiTokenRef = { name: 'fly-deploy', key: 'token' };
  return { name, fly: { app: 'toolbridge-mcp', secretName: 'TOOLBRIDGE_JWT_TOKEN', apiTokenRef, ...fly } };
}

function setAt(object: object, [key = '', ...rest]: string[], value: unknown): void {
  const node = object as Record<string, unknown>;
  if (rest.length === 0 && value === undefined) delete node[key];
  else if (rest.length === 0) node[key] = value;
  else {
    node[key] ??= {};
    setAt(node[key] as object, rest, value);
  }
}
