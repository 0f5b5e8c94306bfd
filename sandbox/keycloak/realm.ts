import type { JsonWebKey } from 'node:crypto';
import type { ServiceAccount } from '../control-plane/index.ts';

/** How a client of the realm authenticates. */
export type RealmClient = { readonly id: string } & (
  | { readonly secret: string }
  /** Public keys of which any may sign its assertions (RFC 7523 §2.2). */
  | { readonly publicKeys: readonly JsonWebKey[] }
  /** It presents a token of this ServiceAccount as its assertion; no secret exists. */
  | { readonly account: ServiceAccount }
);

export interface RealmOptions {
  readonly name: string;
  readonly clients: readonly RealmClient[];
  /** In `aud` of every token. */
  readonly audience: string;
  /** Granted to every client that asks for them. */
  readonly scopes: readonly string[];
  /** Seconds, from 1. */
  readonly tokenLifetimeSeconds: number;
  /** The `iss` of ServiceAccount tokens, an https URL with OIDC discovery; absent: no client may use them. */
  readonly serviceAccountIssuer?: string;
}

/** Alias of the identity provider that stands for the cluster. */
const CLUSTER = 'cluster';

/** What `--import-realm` takes: a realm in which every client may have tokens for itself and nothing else. */
export function realmImport(options: RealmOptions): object {
  const { name, clients, scopes, tokenLifetimeSeconds, serviceAccountIssuer } = options;
  return {
    realm: name,
    enabled: true,
    sslRequired: 'all',
    accessTokenLifespan: tokenLifetimeSeconds,
    // Instead of Keycloak's own scopes, which bring users' claims and roles.
    clientScopes: scopes.map((scope) => ({ name: scope, protocol: 'openid-connect', attributes: IN_TOKEN })),
    identityProviders:
      serviceAccountIssuer === undefined
        ? []
        : [{ alias: CLUSTER, providerId: 'kubernetes', config: { issuer: serviceAccountIssuer } }],
    clients: clients.map((client) => ({
      clientId: client.id,
      ...authentication(client),
      serviceAccountsEnabled: true,
      standardFlowEnabled: false,
      fullScopeAllowed: false,
      defaultClientScopes: [],
      optionalClientScopes: scopes,
      protocolMappers: mappers(options),
    })),
  };
}

const IN_TOKEN = { 'include.in.token.scope': 'true' };

function authentication(client: RealmClient): object {
  if ('secret' in client) return { clientAuthenticatorType: 'client-secret', secret: client.secret };
  if ('publicKeys' in client) {
    // Keycloak passes over a key that does not say that it is for signatures.
    const keys = JSON.stringify({ keys: client.publicKeys.map((key) => ({ ...key, use: 'sig' })) });
    return {
      clientAuthenticatorType: 'client-jwt',
      attributes: { 'use.jwks.string': 'true', 'jwks.string': keys },
    };
  }
  const { namespace, serviceAccount } = client.account;
  return {
    clientAuthenticatorType: 'federated-jwt',
    attributes: {
      'jwt.credential.issuer': CLUSTER,
      'jwt.credential.sub': `system:serviceaccount:${namespace}:${serviceAccount}`,
    },
  };
}

function mappers({ audience }: RealmOptions): object[] {
  const mapper = (protocolMapper: string, config: object) => ({
    name: protocolMapper,
    protocol: 'openid-connect',
    protocolMapper,
    config: { 'access.token.claim': 'true', ...config },
  });
  return [
    mapper('oidc-audience-mapper', { 'included.custom.audience': audience }),
    mapper('oidc-sub-mapper', {}),
  ];
}
