import { exportJWK, generateKeyPair, type JWTPayload } from 'jose';
import type { JWK } from 'oidc-provider';
import type { IssuerClient, KeyClient } from '../../sandbox/issuer/client-registry.ts';
import type { World } from '../../sandbox/world.ts';

/** One way to get a token of the sandbox's issuer, and what comes of it. */
export interface SourceCase {
  /** Of the binding, its client and the client's Secret. */
  readonly name: string;
  /** What the issuer knows of the client. */
  readonly client: IssuerClient | KeyClient;
  /** Data of the Secret with the client's credential. */
  readonly credential: Readonly<Record<string, string>>;
  /** What the spec of the binding says besides the name of its Secret. */
  readonly spec: object;
  /** What its token says; undefined for one that nobody can read. */
  readonly claims: JWTPayload | undefined;
}

/** An API of the issuer with two scopes. */
export const ORDERS = 'https://orders.acme.dev';
export const ORDER_SCOPES = ['read:orders', 'write:orders'];
const ORGANIZATION = { id: 'org_9ybsU1dN2dKfDkBi', name: 'acme' };

/** How long a token lives of which nobody tells it. */
export const ASSUMED_LIFETIME = '45m';

/** Makes the issuer ready for every case, and tells them. */
export async function prepareCases(world: World): Promise<SourceCase[]> {
  const { issuer, audience } = world.outside;
  const cases = [...plainCases(world), ...oauth2Cases(world), await signedCase(world)];
  issuer.addAudience(ORDERS, ORDER_SCOPES);
  issuer.addOrganization(ORGANIZATION);
  for (const { client } of cases) issuer.addClient(client);
  issuer.setFault({ kind: 'opaque', timeless: true }, { clientId: clientIdOf('opaque') });
  return cases.map((each) => ({
    ...each,
    ...(each.claims && { claims: { aud: audience, ...each.claims } }),
  }));
}

/** Characters that a form and HTTP Basic have to encode. */
const clientIdOf = (name: string) => `client:of ${name}`;
const secretOf = (name: string) => `secret+of&${name}%=`;

type Setting = Omit<SourceCase, 'name' | 'client' | 'credential'> & { readonly method?: 'Basic' };

/** A case with a client that proves itself by a secret. */
function bySecret(name: string, { spec, claims, method }: Setting): SourceCase {
  const [id, secret] = [clientIdOf(name), secretOf(name)];
  const way = method === 'Basic' ? 'client_secret_basic' : 'client_secret_post';
  const clientSecret = { secretRef: { name }, ...(method && { method }) };
  return {
    ...{ name, claims: claims && { azp: id, ...claims } },
    client: { id, secret, method: way },
    credential: { client_id: id, client_secret: secret },
    spec: { clientAuthentication: { clientSecret }, ...spec },
  };
}

function plainCases({ outside }: World): SourceCase[] {
  const { issuer, audience } = outside;
  const auth0 = { domain: issuer.domain, audience };
  const scopes = ORDER_SCOPES.slice(0, 1);
  return [
    bySecret('basic', { method: 'Basic', spec: { source: { auth0 } }, claims: {} }),
    bySecret('scoped', {
      spec: { source: { auth0: { ...auth0, audience: ORDERS, scopes } } },
      claims: { aud: ORDERS, scope: scopes.join(' ') },
    }),
    bySecret('organization', {
      spec: { source: { auth0: { ...auth0, organization: ORGANIZATION.id } } },
      claims: { org_id: ORGANIZATION.id },
    }),
  ];
}

function oauth2Cases({ outside }: World): SourceCase[] {
  const { issuer, audience } = outside;
  const tokenEndpoint = new URL('/oauth/token', issuer.url).href;
  return [
    bySecret('discovered', { spec: { source: { oauth2: { issuer: issuer.url, audience } } }, claims: {} }),
    bySecret('resource', {
      spec: { source: { oauth2: { tokenEndpoint, resource: ORDERS } } },
      claims: { aud: ORDERS },
    }),
    bySecret('parameters', {
      spec: {
        source: { oauth2: { issuer: issuer.url, audience, parameters: { organization: ORGANIZATION.name } } },
      },
      claims: { org_id: ORGANIZATION.id },
    }),
    bySecret('opaque', {
      spec: {
        source: { oauth2: { tokenEndpoint, audience } },
        refresh: { assumedLifetime: ASSUMED_LIFETIME },
      },
      claims: undefined,
    }),
  ];
}

async function signedCase({ outside }: World): Promise<SourceCase> {
  const name = 'signed';
  const id = clientIdOf(name);
  const pair = await generateKeyPair('RS256', { extractable: true });
  const publicKey = { ...(await exportJWK(pair.publicKey)), alg: 'RS256', use: 'sig' } as JWK;
  const { issuer, audience } = outside;
  return {
    ...{ name, client: { id, jwks: { keys: [publicKey] } } },
    credential: { client_id: id, private_key: JSON.stringify(await exportJWK(pair.privateKey)) },
    spec: {
      source: { oauth2: { issuer: issuer.url, audience } },
      clientAuthentication: { privateKeyJwt: { secretRef: { name } } },
    },
    claims: { azp: id },
  };
}
