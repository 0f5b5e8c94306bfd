import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { manifestWith } from './binding-manifest.ts';
import { type CrdCluster, startCrdCluster } from './crd-cluster.ts';

let cluster: CrdCluster;

before(async () => {
  cluster = await startCrdCluster();
});
after(() => cluster.stop());

const AUTH0 = { auth0: { domain: 'acme.eu.auth0.com', audience: 'https://api.acme.dev' } };
const SECRET = { clientSecret: { secretRef: { name: 'toolbridge-m2m' } } };
const KEY = { privateKeyJwt: { secretRef: { name: 'toolbridge-key' } } };
const ACCOUNT = {
  serviceAccountToken: {
    clientId: 'toolbridge',
    serviceAccountName: 'toolbridge',
    audience: 'https://id.acme.dev/realms/acme',
  },
};
const ISSUER = { oauth2: { issuer: 'https://id.acme.dev/realms/acme' } };
const ENDPOINT = { oauth2: { tokenEndpoint: 'https://id.acme.dev/oauth2/token' } };

type Changes = Readonly<Record<string, unknown>>;

const oauth2 = (field: string, value: unknown): Changes => ({
  'spec.source': { oauth2: { ...(field === 'tokenEndpoint' ? {} : ISSUER.oauth2), [field]: value } },
});
const auth0 = (field: string, value: unknown): Changes => ({ [`spec.source.auth0.${field}`]: value });
const secret = (change: object): Changes => ({
  'spec.clientAuthentication': {
    clientSecret: { secretRef: { ...SECRET.clientSecret.secretRef, ...change } },
  },
});
const key = (change: object, source: object = ISSUER): Changes => ({
  'spec.source': source,
  'spec.clientAuthentication': { privateKeyJwt: { ...KEY.privateKeyJwt, ...change } },
});
const keyRef = (change: object): Changes => key({ secretRef: { ...KEY.privateKeyJwt.secretRef, ...change } });
const account = (change: object): Changes => ({
  'spec.source': ISSUER,
  'spec.clientAuthentication': { serviceAccountToken: { ...ACCOUNT.serviceAccountToken, ...change } },
});
const probe = (change: object): Changes => ({
  'spec.verify': { probe: { url: 'https://api.acme.dev/v1/me', ...change } },
});
const refresh = (field: string, value: unknown): Changes => ({ [`spec.refresh.${field}`]: value });
const verify = (field: string, value: unknown): Changes => ({ [`spec.verify.${field}`]: value });
const many = (count: number) => Array.from({ length: count }, (_, index) => index);

/** What somebody may write, and what the answer must teach. */
const REFUSED: [changes: Changes, answer: RegExp][] = [
  [{ 'spec.source': {} }, /spec\.source: .*write auth0 with domain and audience, or oauth2 with issuer/],
  [{ 'spec.source': { ...AUTH0, ...ISSUER } }, /spec\.source: .*exactly one kind of source/],
  [{ 'spec.source': { oauth2: {} } }, /spec\.source\.oauth2: .*write issuer, .*or tokenEndpoint/],
  [{ 'spec.source': { oauth2: { ...ISSUER.oauth2, ...ENDPOINT.oauth2 } } }, /tokenEndpoint.*not both/],
  ...['issuer', 'tokenEndpoint'].flatMap((field) =>
    [
      'http://id.acme.dev',
      'HTTPS://id.acme.dev',
      'id.acme.dev',
      'https://',
      'https:///realms/acme',
      'https://user@id.acme.dev',
      'https://user:pass@id.acme.dev/token',
      'https://id.acme.dev\\@evil.example',
      'https://id.acme.dev#realm',
      'https://id.acme.dev/a b',
      'https://id.acme.dev/\n',
      ' https://id.acme.dev',
      'https://id.acme.dev:https/',
      'https://id.acme.dev:65536/',
      'https://id.acme.dev/caf\u00e9',
    ].map((value): [Changes, RegExp] => [
      oauth2(field, value),
      new RegExp(
        `spec\\.source\\.oauth2\\.${field}: .*write a whole URL that begins with https://, without user`,
      ),
    ]),
  ),
  [oauth2('issuer', 'https://id.acme.dev/?realm=a'), /oauth2\.issuer: .*no query: write it without \?/],
  [oauth2('issuer', `https://id.acme.dev/${'a'.repeat(2048)}`), /oauth2\.issuer: .*2048/],
  [oauth2('audience', ' https://api.acme.dev'), /oauth2\.audience: .*without white space around it/],
  ...['/v1', 'api.acme.dev', 'https://api.acme.dev#v1', 'urn:acme api', '1urn:acme'].map(
    (value): [Changes, RegExp] => [oauth2('resource', value), /oauth2\.resource: .*write an absolute URI/],
  ),
  ...[oauth2, auth0].flatMap((field): [Changes, RegExp][] => [
    [field('scopes', ['read:orders write:orders']), /scopes\[0\]: .*write one scope per entry/],
    [field('scopes', ['a', 'say"']), /scopes\[1\]: .*except " and \\/],
    [field('scopes', ['caf\u00e9']), /write one scope per entry/],
    [field('scopes', ['']), /scopes\[0\]/],
    [field('scopes', ['a', 'b', 'a']), /scopes\[2\]: Duplicate value: "a"/],
    [field('scopes', ['a'.repeat(257)]), /scopes\[0\]: .*256/],
    [field('scopes', many(65).map(String)), /scopes: .*at most 64 items/],
  ]),
  [auth0('organization', 'Acme Corp'), /auth0\.organization: .*write the id or name of the organization/],
  [
    oauth2('parameters', { scope: 'a' }),
    /oauth2\.parameters: .*write audience, resource and scope in the fields/,
  ],
  [oauth2('parameters', { audience: 'a' }), /source\.oauth2\.audience, resource and scopes instead/],
  [oauth2('parameters', { resource: 'a' }), /source\.oauth2\.audience, resource and scopes instead/],
  [oauth2('parameters', { grant_type: 'password' }), /always client_credentials: leave grant_type out/],
  ...['client_id', 'client_secret', 'client_assertion', 'client_assertion_type'].map(
    (name): [Changes, RegExp] => [
      oauth2('parameters', { [name]: 'a' }),
      /write clientAuthentication instead/,
    ],
  ),
  [oauth2('parameters', { 'a b': 'c' }), /write parameter names of at most 128 letters/],
  [oauth2('parameters', { ['a'.repeat(129)]: 'c' }), /write parameter names of at most 128 letters/],
  [oauth2('parameters', { tenant: '' }), /parameters\.tenant/],
  [oauth2('parameters', { tenant: 'a'.repeat(1025) }), /parameters\.tenant: .*1024/],
  [oauth2('parameters', Object.fromEntries(many(17).map((n) => [`p${n}`, 'a']))), /at most 16 items/],

  [{ 'spec.clientAuthentication': {} }, /write clientSecret .*, privateKeyJwt .*, or serviceAccountToken/],
  [{ 'spec.clientAuthentication': { ...SECRET, ...KEY } }, /exactly one kind of client authentication/],
  [{ 'spec.clientAuthentication.clientSecret.method': 'Header' }, /supported values: "Post", "Basic"/],
  [secret({ nextClientSecretKey: 'client_secret' }), /nextClientSecretKey .*must be three different keys/],
  [secret({ clientIdKey: 'next_client_secret' }), /nextClientSecretKey \(next_client_secret\) must be/],
  [secret({ nextClientSecretKey: 'a/b' }), /nextClientSecretKey: .*write a key of the Secret/],
  [key({ secretRef: {} }), /privateKeyJwt\.secretRef\.name: Required value/],
  [keyRef({ name: 'Key' }), /secretRef\.name: .*write the name of a Secret/],
  [keyRef({ name: 'toolbridge-api-token' }), /spec\.secret\.name: .*a Secret that does not exist yet/],
  [keyRef({ privateKeyKey: 'client_id' }), /privateKeyKey .*must be three different keys/],
  [keyRef({ nextPrivateKeyKey: 'private_key' }), /nextPrivateKeyKey .*must be three different keys/],
  [keyRef({ clientIdKey: 'next_private_key' }), /nextPrivateKeyKey .*must be three different keys/],
  [keyRef({ privateKeyKey: 'a b' }), /privateKeyKey: .*write a key of the Secret/],
  [key({ algorithm: 'HS256' }), /algorithm: .*"RS256", "RS384", "PS256", "PS384", "ES256", "ES384"/],
  [key({ keyId: 'a\n' }), /keyId: .*without white space around it/],
  [key({ keyId: 'a'.repeat(257) }), /keyId: .*256/],
  [
    key({ assertionAudience: 'Issuer' }, ENDPOINT),
    /assertionAudience: .*write TokenEndpoint, or write source\.oauth2\.issuer/,
  ],
  [key({ assertionAudience: 'TokenEndpoint' }, AUTH0), /assertionAudience: .*Auth0 .*write Issuer or leave/],
  [
    { 'spec.clientAuthentication': ACCOUNT },
    /serviceAccountToken: .*Auth0 .*write clientSecret or privateKeyJwt/,
  ],
  ...['clientId', 'serviceAccountName', 'audience'].map((field): [Changes, RegExp] => [
    account({ [field]: undefined }),
    new RegExp(`serviceAccountToken\\.${field}: Required value`),
  ]),
  [account({ clientId: 'toolbridge ' }), /clientId: .*without white space around it/],
  [account({ serviceAccountName: 'team/toolbridge' }), /write the name of a ServiceAccount/],
  [account({ audience: '\thttps://id.acme.dev' }), /audience: .*without white space around it/],
  [account({ expirationSeconds: 599 }), /expirationSeconds: .*greater than or equal to 600/],
  [account({ expirationSeconds: 3601 }), /expirationSeconds: .*less than or equal to 3600/],

  ...['minRemaining', 'assumedLifetime'].flatMap((field) =>
    ['29s', '721h', '720h1s', '1d', '60', '1.5h', '-1h', '1m1h', 'an hour', '0h0m0s'].map(
      (value): [Changes, RegExp] => [
        refresh(field, value),
        new RegExp(
          `spec\\.refresh\\.${field}: .*write a time from 30s to 720h .*for example 1h, 90s or 1h30m`,
        ),
      ],
    ),
  ),
  [refresh('minRemaining', 3600), /minRemaining: .*must be of type string/],
  [verify('minLifetime', '0s'), /spec\.verify\.minLifetime: .*write a time from 1s to 720h/],
  [verify('minLifetime', '721h'), /spec\.verify\.minLifetime: .*write a time from 1s to 720h/],
  [{ 'spec.verify': { probe: {} } }, /spec\.verify\.probe\.url: Required value/],
  [probe({ url: 'http://api.acme.dev' }), /probe\.url: .*write a whole URL that begins with https:\/\//],
  [probe({ url: 'https://me:pw@api.acme.dev/' }), /probe\.url: .*without user/],
  [probe({ timeout: '0s' }), /probe\.timeout: .*write a time from 1s to 10s/],
  [probe({ timeout: '11s' }), /probe\.timeout: .*write a time from 1s to 10s/],
  [probe({ timeout: '500ms' }), /probe\.timeout: .*write a time from 1s to 10s/],
  [
    probe({ expectStatus: [200, 401] }),
    /spec\.verify\.probe: .*remove it from expectStatus .*rejectStatus \(\[401\]/,
  ],
  [probe({ rejectStatus: [403, 200] }), /a status cannot both accept and reject the token/],
  [probe({ expectStatus: [] }), /probe\.expectStatus: .*at least 1 items/],
  [probe({ rejectStatus: [99] }), /probe\.rejectStatus\[0\]: .*greater than or equal to 100/],
  [probe({ rejectStatus: [600] }), /probe\.rejectStatus\[0\]: .*less than or equal to 599/],
  [probe({ expectStatus: many(17).map((n) => 200 + n) }), /probe\.expectStatus: .*at most 16 items/],
];

for (const [changes, answer] of REFUSED) {
  test(`${told(changes)} is refused`, async () => {
    assert.match((await cluster.refusal(manifestWith(changes))) ?? 'accepted', answer);
  });
}

const ACCEPTED: Changes[] = [
  ...[
    'https://id.acme.dev',
    'https://id.acme.dev/',
    'https://[::1]:8443/realms/a',
    'https://127.0.0.1:65535/@a',
  ].flatMap((value) => [oauth2('issuer', value), oauth2('tokenEndpoint', value), probe({ url: value })]),
  oauth2('tokenEndpoint', 'https://id.acme.dev/token?tenant=acme'),
  oauth2('audience', 'urn:api with spaces'),
  oauth2('resource', 'urn:acme:api'),
  oauth2('resource', 'https://api.acme.dev/?v=1'),
  oauth2('scopes', ['https://graph.example/.default', "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"]),
  oauth2('parameters', { tenant: 'acme', Scope: 'with: any text ä' }),
  auth0('organization', 'org_9ybsU1dN2dKfDkBi'),
  auth0('scopes', many(64).map(String)),
  { 'spec.clientAuthentication.clientSecret.method': 'Basic' },
  secret({ clientIdKey: 'id', clientSecretKey: 'current', nextClientSecretKey: 'next' }),
  ...[AUTH0, ISSUER, ENDPOINT].map((source) => key({ algorithm: 'ES256', keyId: '2026-11' }, source)),
  key({ assertionAudience: 'Issuer' }, AUTH0),
  key({ assertionAudience: 'Issuer' }),
  key({ assertionAudience: 'TokenEndpoint' }),
  key({ assertionAudience: 'TokenEndpoint' }, ENDPOINT),
  account({}),
  account({ expirationSeconds: 3600 }),
  ...['30s', '90s', '1h', '1h30m', '720h', '43200m', '2592000s', '1h0m0s'].map((value) =>
    refresh('minRemaining', value),
  ),
  refresh('assumedLifetime', '1h'),
  verify('minLifetime', '1s'),
  probe({ expectStatus: [200, 204], rejectStatus: [401, 403], timeout: '10s' }),
];

for (const changes of ACCEPTED) {
  test(`${told(changes)} is accepted`, async () => {
    assert.equal(await cluster.refusal(manifestWith(changes)), undefined);
  });
}

function told(changes: Changes): string {
  return JSON.stringify(changes).slice(1, -1).slice(-120);
}
