import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { KubernetesObject } from '@kubernetes/client-node';
import type { JWTPayload } from 'jose';
import { type Api, startApi } from '../../sandbox/api/api.ts';
import { parseObjects } from '../../sandbox/cluster-objects.ts';
import { publishServiceAccountIssuer } from '../../sandbox/keycloak/cluster-trust.ts';
import { type Keycloak, startKeycloak } from '../../sandbox/keycloak/keycloak.ts';
import { createTrustingFetch } from '../../sandbox/trusting-fetch.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { conditionOf, isTrue, PATIENCE_MS, startScenario, Tenant } from '../e2e/scenario.ts';

/** Of a binding and of its Secret. */
interface Names {
  readonly name: string;
  readonly secret: string;
}

interface Binding extends KubernetesObject {
  spec: {
    source: object;
    clientAuthentication: object;
    verify?: object;
    secret: { name: string };
  };
}

const AUDIENCE = 'orders';
const SCOPE = 'orders';
const LIFETIME_SECONDS = 60;
const TENANT_SECRET = 'canary-tenant';
const CLIENT_SECRET = 'canary-keycloak-client';
const ACCOUNT = 'toolbridge';
const key = generateKeyPairSync('rsa', { modulusLength: 2048 });
const privateKey = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

let world: World;
let keycloak: Keycloak;
let api: Api;
const stack = new AsyncDisposableStack();

before(async () => {
  world = await startScenario({ machines: 0 });
  stack.defer(() => world.stop());
  const { authority, caPem } = world.outside;
  keycloak = await startKeycloak({
    ...{ env: process.env, progress: process.stderr, authority, trusted: [world.cluster.caPem] },
    realm: {
      ...{ name: 'acme', audience: AUDIENCE, scopes: [SCOPE], tokenLifetimeSeconds: LIFETIME_SECONDS },
      serviceAccountIssuer: await publishServiceAccountIssuer(world.cluster),
      clients: [
        { id: 'secret-client', secret: CLIENT_SECRET },
        { id: 'key-client', publicKeys: [key.publicKey.export({ format: 'jwk' })] },
        { id: 'toolbridge', account: { namespace: 'by-account', serviceAccount: ACCOUNT } },
      ],
    },
  });
  stack.defer(() => keycloak.stop());
  const { issuer, jwksUrl } = keycloak;
  const trust = { authority, issuer, jwksUrl, caPem, audience: AUDIENCE };
  api = await startApi({ ...trust, tenantHeaderSecret: TENANT_SECRET });
  stack.defer(() => api.stop());
  await world.startController();
});
after(() => stack.disposeAsync());

/** The objects of an example, in a namespace of this test and with our realm as the issuer. */
async function example(file: string, namespace: string): Promise<KubernetesObject[]> {
  const text = await readFile(new URL(`../../examples/${file}`, import.meta.url), 'utf8');
  const ours = text
    .replaceAll('https://id.acme.dev/realms/acme', keycloak.issuer)
    .replaceAll('namespace: toolbridge\n', `namespace: ${namespace}\n`);
  return parseObjects(ours);
}

async function createNamespace(name: string): Promise<Tenant> {
  await world.objects.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }]);
  return new Tenant(world, name, world.example);
}

function credential(namespace: string, name: string, stringData: Record<string, string>) {
  const labels = { 'tokenbinding.erauner.dev/credential': 'true' };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace, labels }, stringData };
}

const isBinding = (object: KubernetesObject): object is Binding => object.kind === 'TokenBinding';

async function bind(
  file: string,
  namespace: string,
  change: (binding: Binding) => void = () => {},
): Promise<Names> {
  const objects = await example(file, namespace);
  const binding = objects.find(isBinding);
  assert.ok(binding, `examples/${file} holds a TokenBinding`);
  change(binding);
  await world.objects.apply(objects);
  return { name: binding.metadata?.name ?? '', secret: binding.spec.secret.name };
}

/** Every way in which a client can authenticate. */
const WAYS = {
  'secret-client': async (namespace: string) => {
    const values = { client_id: 'secret-client', client_secret: CLIENT_SECRET };
    await world.objects.apply([credential(namespace, 'toolbridge-keycloak', values)]);
    // Our tokens live shorter than the example wants, and its probe does not sign the headers that our API wants.
    return bind('oauth2-discovery.yaml', namespace, ({ spec }) => delete spec.verify);
  },
  'key-client': async (namespace: string) => {
    const values = { client_id: 'key-client', private_key: privateKey };
    await world.objects.apply([credential(namespace, 'toolbridge-key', values)]);
    const source = { oauth2: { issuer: keycloak.issuer, audience: AUDIENCE, scopes: [SCOPE] } };
    return bind('private-key-jwt.yaml', namespace, ({ spec }) => Object.assign(spec, { source }));
  },
  toolbridge: (namespace: string) => bind('service-account-token.yaml', namespace),
};

/** The stored token, once there is one with another id than `before`. */
async function nextToken(tenant: Tenant, names: Names, before?: string): Promise<JWTPayload> {
  const look = async () => ({
    token: await tenant.token(names.secret),
    issued: conditionOf(await tenant.binding(names.name), 'Issued'),
  });
  const { token } = await waitFor(look, {
    what: `${before === undefined ? 'a' : 'another'} token in ${tenant.namespace}/${names.secret}`,
    timeoutMs: PATIENCE_MS + LIFETIME_SECONDS * 1000,
    until: (seen) => seen.token !== undefined && seen.token.jti !== before,
  });
  assert.ok(token);
  return token;
}

/** Status with which the API answers a call with the stored token. */
async function call({ namespace }: Tenant, secret: string): Promise<number> {
  const { token } = (await world.objects.secretsOf(namespace)).get(secret) ?? {};
  const timestamp = String(Date.now());
  const signature = createHmac('sha256', TENANT_SECRET).update(`acme:${timestamp}`).digest('hex');
  const tenantHeaders = {
    'x-tb-tenant-id': 'acme',
    'x-tb-timestamp': timestamp,
    'x-tb-signature': signature,
  };
  const trusting = createTrustingFetch(world.outside.caPem);
  try {
    const headers = { authorization: `Bearer ${token}`, ...tenantHeaders };
    return (await trusting.fetch(`${api.url}/v1/me`, { headers })).status;
  } finally {
    await trusting.close();
  }
}

const NAMESPACES = { 'secret-client': 'by-secret', 'key-client': 'by-key', toolbridge: 'by-account' };

describe('in every way to authenticate', { concurrency: true }, () => {
  for (const client of ['secret-client', 'key-client', 'toolbridge'] as const) {
    test(`the client ${client} gets a token and the next one in time, and the API takes both`, async () => {
      const tenant = await createNamespace(NAMESPACES[client]);
      const names = await WAYS[client](tenant.namespace);
      const first = await nextToken(tenant, names);
      assert.deepEqual([first.azp, first.aud, first.scope], [client, AUDIENCE, SCOPE]);
      assert.equal(await call(tenant, names.secret), 200);
      const second = await nextToken(tenant, names, first.jti);
      assert.ok((second.iat ?? 0) < (first.exp ?? 0), 'renewed while the first was valid');
      assert.equal(await call(tenant, names.secret), 200);
      const binding = await tenant.binding(names.name);
      assert.ok(isTrue(binding, 'Ready') && isTrue(binding, 'Issued'), JSON.stringify(binding.status));
    });
  }
});

test('a ServiceAccount is the whole credential: its namespace holds no Secret but the token', async () => {
  const secrets = await world.objects.secretsOf('by-account');
  assert.deepEqual([...secrets.keys()], ['orders-service-account-token']);
});

test('a ServiceAccount of the same name in another namespace is somebody else: Keycloak refuses it', async () => {
  const tenant = await createNamespace('elsewhere');
  const { name, secret } = await bind('service-account-token.yaml', tenant.namespace);
  const binding = await waitFor(() => tenant.binding(name), {
    what: 'the refusal to be told',
    timeoutMs: PATIENCE_MS,
    until: (seen) => conditionOf(seen, 'Issued')?.status === 'False',
  });
  assert.equal(conditionOf(binding, 'Issued')?.reason, 'CredentialsInvalid');
  assert.equal(await tenant.secret(secret), undefined);
});
