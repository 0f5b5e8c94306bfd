import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { bindingManifest, delivery, manifestWith } from './binding-manifest.ts';
import { type CrdCluster, startCrdCluster } from './crd-cluster.ts';

let cluster: CrdCluster;

before(async () => {
  cluster = await startCrdCluster();
});
after(() => cluster.stop());

const CREDENTIAL = 'spec.clientAuthentication.clientSecret.secretRef';
const FLY = 'spec.deliveries.0.fly';
const LONG = 'a'.repeat(254);

const reloaded = (path: string) => delivery('mcp', { rollout: { strategy: 'Reload' }, reload: { path } });

/** What somebody may write, at a path of the usual object, and what the answer must teach. */
const REFUSED: [path: string, value: unknown, answer: RegExp][] = [
  ['spec.source', undefined, /spec\.source: Required value/],
  ['spec.source.auth0', undefined, /exactly one kind of source: write auth0 with domain and audience/],
  ['spec.source.oidc', { issuer: 'https://id.acme.dev' }, /unknown field "spec\.source\.oidc"/],
  [
    'spec.source.auth0.domain',
    'https://acme.eu.auth0.com',
    /write the host only, for example acme\.eu\.auth0\.com/,
  ],
  ['spec.source.auth0.domain', 'acme.eu.auth0.com/', /write the host only/],
  ['spec.source.auth0.domain', 'user@acme.eu.auth0.com', /write the host only/],
  ['spec.source.auth0.domain', 'Acme.eu.auth0.com', /lower case/],
  ['spec.source.auth0.domain', 'acme.eu.auth0.com:https', /a port may follow/],
  ['spec.source.auth0.domain', 'acme.eu.auth0.com:65536', /a port may follow/],
  ['spec.source.auth0.domain', 'acme..com', /write the host only/],
  ['spec.source.auth0.domain', '-acme.com', /write the host only/],
  ['spec.source.auth0.domain', 'acme.com\n', /write the host only/],
  ['spec.source.auth0.domain', '', /domain/],
  ['spec.source.auth0.audience', undefined, /spec\.source\.auth0\.audience: Required value/],
  ['spec.source.auth0.audience', '', /audience/],
  ['spec.source.auth0.audience', 'https://api.acme.dev\n', /without white space around it/],
  ['spec.clientAuthentication', undefined, /spec\.clientAuthentication: Required value/],
  [
    'spec.clientAuthentication.clientSecret',
    undefined,
    /exactly one kind of client authentication: write clientSecret/,
  ],
  [CREDENTIAL, undefined, /secretRef: Required value/],
  [`${CREDENTIAL}.name`, 'Toolbridge_M2M', /write the name of a Secret: lower-case/],
  [`${CREDENTIAL}.name`, LONG, /253/],
  [`${CREDENTIAL}.clientIdKey`, 'client id', /write a key of the Secret: letters/],
  [`${CREDENTIAL}.clientIdKey`, 'client_secret', /three different keys/],
  [`${CREDENTIAL}.clientSecretKey`, 'a/b', /write a key of the Secret/],
  [`${CREDENTIAL}.namespace`, 'other', /unknown field/],
  ['spec.refresh', { atLifetimePercent: 9 }, /atLifetimePercent.*greater than or equal to 10/],
  ['spec.refresh', { atLifetimePercent: 81 }, /atLifetimePercent.*less than or equal to 80/],
  ['spec.refresh', { jitterPercent: 31 }, /jitterPercent.*less than or equal to 30/],
  ['spec.refresh', { jitterPercent: -1 }, /jitterPercent.*greater than or equal to 0/],
  ['spec.refresh', { atLifetimePercent: '67%' }, /atLifetimePercent.*integer/],
  ['spec.secret', undefined, /spec\.secret: Required value/],
  ['spec.secret.name', 'Token', /write the name of a Secret: .*toolbridge-api-token/],
  ['spec.secret.name', 'toolbridge-m2m', /spec\.secret\.name.*a Secret that does not exist yet/],
  ['spec.secret.key', 'to ken', /write a key of the Secret/],
  [
    'spec.secret.expiryKey',
    'token',
    /spec\.secret\.expiryKey.*another key for the expiry, for example expires_at/,
  ],
  ['spec.secret.expiryKey', '', /expiryKey/],
  [
    'spec.secret.labels',
    { 'tokenbinding.erauner.dev/credential': 'true' },
    /set by the controller.*prefix of your own/,
  ],
  ['spec.secret.labels', { 'a b': 'c' }, /write label keys as name or prefix\/name/],
  ['spec.secret.labels', { a: 'b c' }, /write label values of at most 63/],
  [
    'spec.secret.annotations',
    { 'tokenbinding.erauner.dev/x': 'y' },
    /set by the controller.*prefix of your own/,
  ],
  ['spec.secret.annotations', { '/x': 'y' }, /write annotation keys as name or prefix\/name/],
  ['spec.deliveries.0.name', undefined, /name: Required value/],
  ['spec.deliveries.0.name', 'My_MCP', /write a short name of lower-case letters/],
  [FLY, undefined, /exactly one kind of delivery: write fly with app, secretName and apiTokenRef/],
  [`${FLY}.app`, 'https://toolbridge-mcp.fly.dev', /write the name of the app as in fly\.toml/],
  [`${FLY}.app`, 'toolbridge-mcp.fly.dev', /no \.fly\.dev/],
  [`${FLY}.secretName`, '1TOKEN', /write the name of an environment variable/],
  [`${FLY}.secretName`, 'MY-TOKEN', /write the name of an environment variable/],
  [`${FLY}.apiTokenRef`, { name: 'fly-deploy' }, /apiTokenRef\.key: Required value/],
  [`${FLY}.apiTokenRef.key`, 'a b', /write a key of the Secret/],
  [`${FLY}.deletionPolicy`, 'Keep', /supported values: "Retain", "Delete"/],
  [`${FLY}.rollout`, { strategy: 'Canary' }, /supported values: "Rolling", "Immediate", "Reload", "Stage"/],
  [`${FLY}.rollout`, { strategy: 'Reload' }, /Reload needs reload\.path.*write both or neither/],
  [`${FLY}.reload`, { path: '/var/lib/mcp-app/token' }, /Reload needs reload\.path.*write both or neither/],
  [
    'spec.deliveries.0',
    reloaded('var/lib/token'),
    /an absolute path.*for example \/var\/lib\/mcp-app\/token/,
  ],
  ['spec.deliveries.0', reloaded('/run/../etc/passwd'), /write an absolute path/],
  ['spec.deliveries.0', reloaded('/run/token/..'), /write an absolute path/],
  ['spec.deliveries.0', reloaded("/run/it's"), /write an absolute path/],
  ['spec.deliveries.0', reloaded('/run/token/'), /write an absolute path/],
  [`${FLY}.rollout`, { maxUnavailable: 0 }, /write a number of machines from 1 on, or a percentage/],
  [`${FLY}.rollout`, { maxUnavailable: '0%' }, /maxUnavailable.*should match/],
  [`${FLY}.rollout`, { maxUnavailable: '101%' }, /maxUnavailable.*should match/],
  [`${FLY}.rollout`, { maxUnavailable: '2' }, /maxUnavailable.*should match/],
  [`${FLY}.rollout`, { machineTimeout: '9s' }, /write a duration from 10s to 1h.*for example 5m or 90s/],
  [`${FLY}.rollout`, { machineTimeout: '61m' }, /write a duration from 10s to 1h/],
  [`${FLY}.rollout`, { onFailure: 'Retry' }, /supported values: "Rollback", "Halt"/],
  [`${FLY}.driftCheckInterval`, '9s', /write a duration from 10s to 24h.*for example 10m or 1h30m/],
  [`${FLY}.driftCheckInterval`, '1d', /write a duration from 10s to 24h/],
  [`${FLY}.encoding`, 'Hex', /supported values: "Plain", "Base64"/],
  ['spec.deliveries.1', delivery('mcp', { app: 'other' }), /Duplicate value.*"mcp"/],
  [
    'spec.deliveries.1',
    delivery('second'),
    /two deliveries write the same secret of the same Fly app: remove one/,
  ],
  ['spec.suspend', 'yes', /suspend.*boolean/],
  ['spec', undefined, /spec: Required value/],
];

for (const [path, value, answer] of REFUSED) {
  test(`${path} ${value === undefined ? 'missing' : JSON.stringify(value).slice(0, 60)} is refused`, async () => {
    assert.match((await cluster.refusal(bindingManifest(path, value))) ?? 'accepted', answer);
  });
}

test('more deliveries than eight are refused', async () => {
  const nine = Array.from({ length: 9 }, (_, index) => delivery(`mcp-${index}`, { app: `app-${index}` }));
  assert.match(
    (await cluster.refusal(bindingManifest('spec.deliveries', nine))) ?? 'accepted',
    /at most 8 items/,
  );
  assert.equal(await cluster.refusal(bindingManifest('spec.deliveries', nine.slice(1))), undefined);
});

const ACCEPTED: [path: string, value: unknown][] = [
  ['spec.deliveries', undefined],
  ['spec.source.auth0.domain', 'localhost:8443'],
  ['spec.source.auth0.domain', '127.0.0.1:65535'],
  ['spec.source.auth0.domain', 'login.xn--bcher-kva.example'],
  ['spec.source.auth0.audience', 'urn:api with spaces'],
  ['spec.refresh', { atLifetimePercent: 10, jitterPercent: 0 }],
  ['spec.refresh', { atLifetimePercent: 80, jitterPercent: 30 }],
  [`${CREDENTIAL}.clientIdKey`, 'Client.ID-1'],
  ['spec.secret.expiryKey', 'expires_at'],
  ['spec.secret.labels', { 'app.kubernetes.io/part-of': 'toolbridge', plain: '' }],
  [
    'spec.secret.annotations',
    { 'reloader.stakater.com/match': 'true', 'Example.com/UPPER': '{"any": "text"}' },
  ],
  ['spec.deliveries.1', delivery('second', { app: 'another-app' })],
  ['spec.deliveries.1', delivery('second', { secretName: '_OTHER' })],
  [`${FLY}.rollout`, { strategy: 'Stage' }],
  [`${FLY}.rollout`, { strategy: 'Immediate' }],
  ['spec.deliveries.0', reloaded('/var/lib/mcp-app/token')],
  ['spec.deliveries.0', reloaded('/data/.token..jwt')],
  [
    `${FLY}.rollout`,
    { maxUnavailable: 3, machineTimeout: '10s', onFailure: 'Halt', includeUnmanaged: false },
  ],
  [`${FLY}.rollout`, { maxUnavailable: '1%', machineTimeout: '1h', onFailure: 'Rollback' }],
  [`${FLY}.rollout`, { maxUnavailable: '100%' }],
  [`${FLY}.driftCheckInterval`, '1m'],
  [`${FLY}.encoding`, 'Base64'],
];

for (const [path, value] of ACCEPTED) {
  test(`${path} ${value === undefined ? 'missing' : JSON.stringify(value).slice(0, 60)} is accepted`, async () => {
    assert.equal(await cluster.refusal(bindingManifest(path, value)), undefined);
  });
}

for (const strategy of ['Rolling', 'Reload', 'Immediate', 'Stage'] as const) {
  const isRefused = strategy === 'Rolling' || strategy === 'Reload';
  test(`a token may ${isRefused ? 'not ' : ''}run out before the end of a rollout with ${strategy}`, async () => {
    const reload = strategy === 'Reload' ? { reload: { path: '/var/lib/mcp-app/token' } } : {};
    const slow = delivery('mcp', { rollout: { strategy, timeout: '30m' }, ...reload });
    const manifest = (minRemaining: string) =>
      manifestWith({ 'spec.refresh': { minRemaining }, 'spec.deliveries.0': slow });
    const answer = await cluster.refusal(manifest('29m'));
    if (isRefused) assert.match(answer ?? 'accepted', /spec\.refresh\.minRemaining.*must outlive a rollout/);
    else assert.equal(answer, undefined);
    assert.equal(await cluster.refusal(manifest('30m')), undefined);
  });
}
