import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type CryptoKey, decodeJwt, generateKeyPair, SignJWT } from 'jose';
import { startApi } from '../../sandbox/api/api.ts';
import {
  AUDIENCE,
  LIFETIME_SECONDS,
  SCOPE,
  SECRET,
  startTrustingRealm,
  type TokenAnswer,
  type TrustingRealm,
} from './trusting-realm.ts';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

let realm: TrustingRealm;
before(async () => {
  realm = await startTrustingRealm();
  for (const namespace of ['team-a', 'team-b']) {
    await realm.kubectl(`create namespace ${namespace}`);
    for (const name of ['workload', 'other'])
      await realm.kubectl(`-n ${namespace} create serviceaccount ${name}`);
  }
});
after(() => realm?.stop());

function assertToken({ status, body }: { status: number; body: TokenAnswer }, clientId: string): string {
  assert.equal(status, 200, body.error);
  assert.equal(body.expires_in, LIFETIME_SECONDS);
  const { iss, aud, azp, exp = 0, iat = 0 } = decodeJwt(body.access_token ?? '');
  assert.deepEqual({ iss, aud, azp }, { iss: realm.keycloak.issuer, aud: AUDIENCE, azp: clientId });
  assert.equal(exp - iat, LIFETIME_SECONDS);
  return body.access_token ?? '';
}

function assertRefused({ status, body }: { status: number; body: TokenAnswer }): void {
  assert.ok(status === 400 || status === 401, `status ${status}`);
  assert.match(body.error ?? '', /^(invalid_client|unauthorized_client)$/);
  assert.equal(body.access_token, undefined);
}

function signAssertion(alg: 'RS256' | 'ES256', key: CryptoKey, audience: string): Promise<string> {
  return new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg, kid: alg === 'RS256' ? 'rsa' : 'ec' })
    .setIssuer('by-key')
    .setSubject('by-key')
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(key);
}

const askWithAssertion = (client_id: string, client_assertion: string) =>
  realm.askForToken({ client_id, client_assertion, client_assertion_type: ASSERTION_TYPE });

/** A token of the ServiceAccount, for Keycloak unless told otherwise. */
const accountToken = (account: { namespace?: string; name?: string; audience?: string } = {}) => {
  const { namespace = 'team-a', name = 'workload', audience = realm.keycloak.issuer } = account;
  return realm.kubectl(`-n ${namespace} create token ${name} --audience=${audience} --duration=10m`);
};

test('a client secret gives a token, posted or in the header', async () => {
  assertToken(await realm.askForToken({ client_id: 'by-secret', client_secret: SECRET }), 'by-secret');
  const response = await realm.trusting.fetch(realm.keycloak.tokenEndpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`by-secret:${SECRET}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  assertToken({ status: response.status, body: (await response.json()) as TokenAnswer }, 'by-secret');
});

test('a wrong client secret is refused', async () => {
  assertRefused(await realm.askForToken({ client_id: 'by-secret', client_secret: 'wrong' }));
});

test('a scope of the client is granted, another one is refused', async () => {
  const client = { client_id: 'by-secret', client_secret: SECRET };
  const granted = await realm.askForToken({ ...client, scope: SCOPE });
  assert.equal(granted.body.scope, SCOPE);
  assert.equal(decodeJwt(assertToken(granted, 'by-secret')).scope, SCOPE);
  const refused = await realm.askForToken({ ...client, scope: 'everything' });
  assert.equal(refused.body.error, 'invalid_scope');
});

test('an assertion signed by either key of a client gives a token', async () => {
  for (const alg of ['RS256', 'ES256'] as const) {
    const assertion = await signAssertion(alg, realm.keys[alg], realm.keycloak.issuer);
    assertToken(await askWithAssertion('by-key', assertion), 'by-key');
  }
});

test('an assertion is refused when it is used again and when a foreign key has signed it', async () => {
  const assertion = await signAssertion('RS256', realm.keys.RS256, realm.keycloak.issuer);
  assertToken(await askWithAssertion('by-key', assertion), 'by-key');
  assertRefused(await askWithAssertion('by-key', assertion));
  const { privateKey } = await generateKeyPair('RS256');
  const foreign = await signAssertion('RS256', privateKey, realm.keycloak.issuer);
  assertRefused(await askWithAssertion('by-key', foreign));
});

test('a ServiceAccount token gives a token again and again, and no secret is sent', async () => {
  const assertion = await accountToken();
  assertToken(await askWithAssertion('by-account', assertion), 'by-account');
  assertToken(await askWithAssertion('by-account', assertion), 'by-account');
});

const FOREIGN = {
  'another name': { name: 'other' },
  'another namespace': { namespace: 'team-b' },
  'another audience': { audience: 'https://elsewhere.acme.dev' },
};
for (const [what, account] of Object.entries(FOREIGN)) {
  test(`a ServiceAccount token of ${what} is refused`, async () => {
    assertRefused(await askWithAssertion('by-account', await accountToken(account)));
  });
}

test('a ServiceAccount token that the cluster has not signed is refused', async () => {
  const [header, payload] = (await accountToken()).split('.');
  const [, , signature] = (await accountToken({ name: 'other' })).split('.');
  assertRefused(await askWithAssertion('by-account', [header, payload, signature].join('.')));
});

test('the API takes a token of Keycloak when it trusts the realm', async (t) => {
  const tenantHeaderSecret = 'canary-tenant';
  const { authority, keycloak, trusting } = realm;
  const { issuer, jwksUrl } = keycloak;
  const trust = { authority, issuer, jwksUrl, caPem: authority.certPem };
  const api = await startApi({ ...trust, audience: AUDIENCE, tenantHeaderSecret });
  t.after(() => api.stop());
  const token = assertToken(await askWithAssertion('by-account', await accountToken()), 'by-account');
  const timestamp = String(Date.now());
  const headers = {
    authorization: `Bearer ${token}`,
    'x-tb-tenant-id': 'acme',
    'x-tb-timestamp': timestamp,
    'x-tb-signature': createHmac('sha256', tenantHeaderSecret).update(`acme:${timestamp}`).digest('hex'),
  };
  const response = await trusting.fetch(`${api.url}/v1/me`, { headers });
  assert.deepEqual([response.status, await response.json()], [200, { sub: decodeJwt(token).sub }]);
});
