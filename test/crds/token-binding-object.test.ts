import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TokenBindingSpec, TokenBindingStatus } from '../../src/binding/token-binding.generated.ts';
import { ROLLOUT } from '../support/binding.ts';
import { type BindingManifest, bindingManifest, manifestWith } from './binding-manifest.ts';
import { type CrdCluster, startCrdCluster } from './crd-cluster.ts';

let cluster: CrdCluster;
let stored: BindingManifest;

before(async () => {
  cluster = await startCrdCluster();
  stored = await cluster.create(bindingManifest());
});
after(() => cluster.stop());

const TIME = '2026-01-15T10:30:17Z';
const ATTEMPTS = {
  consecutive: 2,
  firstFailureTime: TIME,
  lastFailureTime: TIME,
  lastFailureReason: 'RateLimited',
  nextTime: TIME,
  observedGeneration: 1,
  credentialVersion: '0d9a6c5e-6f8f-4c1e-9a55-0f4f5a1b2c3d/4711',
};
const CONDITION = {
  type: 'Ready',
  status: 'True',
  reason: 'Current',
  message: 'a valid token is everywhere',
  lastTransitionTime: TIME,
  observedGeneration: 1,
} as const;
const TARGET = {
  app: 'toolbridge-mcp',
  secretName: 'TOOLBRIDGE_JWT_TOKEN',
  apiTokenRef: { name: 'fly-deploy', key: 'token' },
};
/** Every field of the status. */
const STATUS: TokenBindingStatus = {
  observedGeneration: 1,
  lastHandledRefreshAt: 'now',
  token: {
    id: '0123456789abcdef',
    issuedAt: TIME,
    expiresAt: '2026-01-16T10:30:17Z',
    lifetime: '24h0m0s',
    issuer: 'https://acme.eu.auth0.com/',
    audience: 'https://api.acme.dev',
    scopes: ['read:orders'],
    previousExpiresAt: TIME,
    probe: 'Inconclusive',
    probeMessage: 'api.acme.dev answered HTTP 500 to a probe with the new token.',
  },
  nextRefreshTime: '2026-01-16T01:02:03Z',
  attempts: ATTEMPTS,
  credential: { inUse: 'Next' },
  clockSkewSeconds: -42,
  quota: {
    periods: [
      { period: 'Hour', limit: 10, remaining: 0, resetsAt: TIME },
      { period: 'Month', limit: 1000, remaining: 997, resetsAt: TIME },
    ],
    forecastTokensPer30Days: 45,
  },
  deliveriesReady: '1/1',
  deliveries: [
    {
      name: 'mcp',
      target: { ...TARGET, deletionPolicy: 'Delete' },
      heldUntil: TIME,
      claimed: true,
      tokenId: '0123456789abcdef',
      rejectedTokenId: 'fedcba9876543210',
      rollbackMachine: '178176ec1f0089',
      rejections: 1,
      firstWriteTime: TIME,
      repairs: 2,
      secretsVersion: 2 ** 53 - 1,
      digest: 'd1gest',
      machines: { total: 4, current: 1, skipped: 2, failed: 1 },
      rolloutStartedAt: TIME,
      lastRolloutDuration: '1m12s',
      attempts: ATTEMPTS,
      conditions: [{ ...CONDITION, type: 'Delivered', reason: 'Delivered' }],
    },
  ],
  cleanups: [{ ...TARGET, attempts: ATTEMPTS }],
  conditions: [CONDITION],
};

test('what was left out has its default', () => {
  const expected: TokenBindingSpec = {
    suspend: false,
    source: { auth0: { domain: 'acme.eu.auth0.com', audience: 'https://api.acme.dev', scopes: [] } },
    clientAuthentication: {
      clientSecret: {
        method: 'Post',
        secretRef: {
          name: 'toolbridge-m2m',
          clientIdKey: 'client_id',
          clientSecretKey: 'client_secret',
          nextClientSecretKey: 'next_client_secret',
        },
      },
    },
    refresh: { atLifetimePercent: 67, jitterPercent: 10 },
    secret: { name: 'toolbridge-api-token', key: 'token' },
    deliveries: [
      {
        name: 'mcp',
        fly: {
          ...{ ...TARGET, deletionPolicy: 'Retain', rollout: ROLLOUT },
          ...{ encoding: 'Plain', driftCheckInterval: '10m' },
        },
      },
    ],
  };
  assert.deepEqual(stored.spec, expected);
});

test('what was left out of the other kinds has its default', async () => {
  const { spec } = await cluster.create(
    manifestWith({
      'metadata.name': 'other-kinds',
      'spec.source': { oauth2: { issuer: 'https://id.acme.dev' } },
      'spec.clientAuthentication': { privateKeyJwt: { secretRef: { name: 'toolbridge-key' } } },
      'spec.verify': { probe: { url: 'https://api.acme.dev/v1/me' } },
    }),
  );
  const { source, clientAuthentication, verify }: Partial<TokenBindingSpec> = spec;
  assert.deepEqual(source, { oauth2: { issuer: 'https://id.acme.dev', scopes: [] } });
  assert.deepEqual(clientAuthentication, {
    privateKeyJwt: {
      secretRef: {
        name: 'toolbridge-key',
        clientIdKey: 'client_id',
        privateKeyKey: 'private_key',
        nextPrivateKeyKey: 'next_private_key',
      },
      algorithm: 'RS256',
    },
  });
  assert.deepEqual(verify, {
    probe: {
      url: 'https://api.acme.dev/v1/me',
      expectStatus: [200],
      rejectStatus: [401],
      timeout: '5s',
    },
  });
  await cluster.kubectl('delete', 'tb/other-kinds');
});

test('every field of the status is kept as written', async () => {
  assert.deepEqual((await cluster.putStatus(stored, STATUS)).status, STATUS);
});

test('a write to the object leaves its status alone', async () => {
  await cluster.kubectl(
    'patch',
    'tb/toolbridge-api',
    '--type=merge',
    '-p',
    '{"status":{"observedGeneration":99}}',
  );
  assert.equal(
    await cluster.kubectl('get', 'tb/toolbridge-api', '-o=jsonpath={.status.observedGeneration}'),
    '1',
  );
});

test('kubectl get shows whether, why, until when and where; wide adds audience and attempts', async () => {
  const shown = await cluster.kubectl('get', 'tb', '-o', 'wide');
  assert.match(shown, /^NAME READY REASON EXPIRES NEXT REFRESH DELIVERIES AGE AUDIENCE ATTEMPTS /);
  assert.match(
    shown,
    / toolbridge-api True Current 2026-01-16T10:30:17Z 2026-01-16T01:02:03Z 1\/1 \S+ https:\/\/api\.acme\.dev 2$/,
  );
  assert.doesNotMatch(await cluster.kubectl('get', 'tb'), /AUDIENCE|ATTEMPTS/);
});

test('kubectl wait understands the conditions', async () => {
  assert.match(await cluster.kubectl('wait', '--for=condition=Ready', 'tb/toolbridge-api'), /condition met/);
});

test('kubectl explain tells what a field is for, its unit and its default', async () => {
  const told = await cluster.kubectl('explain', 'tokenbinding.spec.refresh.atLifetimePercent');
  assert.match(told, /in percent, 10 to 80\..* Default 67/);
});

test('the name of the Secret cannot be changed, and the answer tells what to do instead', async () => {
  const answer = await cluster.kubectl(
    ...['patch', 'tb/toolbridge-api', '--type=merge', '-p', '{"spec":{"secret":{"name":"other"}}}'],
  );
  assert.match(
    answer,
    /spec\.secret\.name: .*cannot be changed.*create a second TokenBinding with the new name/,
  );
});

test('everything else of the spec can be changed', async () => {
  const spec = {
    suspend: true,
    source: { auth0: { domain: 'acme.us.auth0.com', audience: 'https://other.acme.dev' } },
    secret: { key: 'jwt', labels: { a: 'b' } },
    deliveries: [],
  };
  const answer = await cluster.kubectl(
    'patch',
    'tb/toolbridge-api',
    '--type=merge',
    '-p',
    JSON.stringify({ spec }),
  );
  assert.match(answer, /patched/);
});
