import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { decodeJwt, type GenerateKeyPairResult, generateKeyPair, SignJWT } from 'jose';
import { type Api, startApi } from '../../sandbox/api/api.ts';
import { type Issuer, startIssuer } from '../../sandbox/issuer/issuer.ts';
import { createAuthority } from '../../sandbox/pki.ts';
import { createTrustingFetch, type TrustingFetch } from '../../sandbox/trusting-fetch.ts';

const AUDIENCE = 'https://api.test';
const TENANT_SECRET = 'tenant-header-secret';

function tenantHeaders(timestamp = Date.now(), secret = TENANT_SECRET): Record<string, string> {
  const signature = createHmac('sha256', secret).update(`acme:${timestamp}`).digest('hex');
  return { 'x-tb-tenant-id': 'acme', 'x-tb-timestamp': String(timestamp), 'x-tb-signature': signature };
}

let issuer: Issuer;
let api: Api;
let trusting: TrustingFetch;
let strangersKey: GenerateKeyPairResult;

before(async () => {
  const authority = await createAuthority('test');
  trusting = createTrustingFetch(authority.certPem);
  strangersKey = await generateKeyPair('RS256');
  issuer = await startIssuer({
    authority,
    audiences: [AUDIENCE, 'https://other.test'],
    tokenLifetimeSeconds: 60,
    clients: [{ id: 'm2m', secret: 'right' }],
  });
  api = await startApi({
    authority,
    issuer: issuer.url,
    audience: AUDIENCE,
    jwksUrl: issuer.jwksUrl,
    caPem: authority.certPem,
    tenantHeaderSecret: TENANT_SECRET,
  });
});
after(async () => {
  await api.stop();
  await issuer.stop();
  await trusting.close();
});

async function issue(audience = AUDIENCE): Promise<{ token: string; id: string }> {
  const form = { grant_type: 'client_credentials', client_id: 'm2m', client_secret: 'right', audience };
  const response = await trusting.fetch(`${issuer.url}oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
  const { access_token } = (await response.json()) as { access_token: string };
  return { token: access_token, id: String(decodeJwt(access_token).jti) };
}

async function me(token: string | undefined, headers = tenantHeaders()): Promise<[number, string]> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await trusting.fetch(`${api.url}/v1/me`, { headers: { ...authorization, ...headers } });
  return [response.status, await response.text()];
}

test('tells the subject to a good token with signed tenant headers, and counts it', async () => {
  const { token, id } = await issue();
  assert.deepEqual(await me(token), [200, '{"sub":"m2m@clients"}']);
  assert.deepEqual(api.calls.get(id), { accepted: 1, refused: {} });
});

test('answers its health without authentication', async () => {
  assert.equal((await trusting.fetch(`${api.url}/healthz`)).status, 200);
});

test('refuses a token from the very second it expires', async () => {
  issuer.setTokenLifetime(1);
  const { token, id } = await issue();
  issuer.setTokenLifetime(60);
  const expiry = Number(decodeJwt(token).exp) * 1000;
  const answers: [number, number][] = [];
  while (Date.now() < expiry + 50) {
    const [status] = await me(token);
    answers.push([Date.now(), status]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal((await me(token))[0], 401);
  for (const [answered, status] of answers) if (answered < expiry) assert.equal(status, 200);
  assert.ok((api.calls.get(id)?.refused.expired ?? 0) >= 1);
});

test('refuses a missing token, a malformed one, and one for another audience', async () => {
  assert.deepEqual(await me(undefined), [401, 'unauthorized']);
  assert.deepEqual(await me('not-a-token'), [401, 'unauthorized']);
  const other = await issue('https://other.test');
  assert.deepEqual(await me(other.token), [401, 'unauthorized']);
  assert.deepEqual(api.calls.get(other.id), { accepted: 0, refused: { audience: 1 } });
  assert.deepEqual(api.calls.get('(none)')?.refused, { missing: 1, malformed: 1 });
});

async function forge(claims: Record<string, unknown>, algorithm = 'RS256'): Promise<string> {
  const key = algorithm === 'RS256' ? strangersKey.privateKey : new TextEncoder().encode('x'.repeat(32));
  return new SignJWT({ aud: AUDIENCE, iss: issuer.url, sub: 'm2m@clients', ...claims })
    .setProtectedHeader({ alg: algorithm })
    .setExpirationTime('1m')
    .sign(key);
}

test("refuses a stranger's signature and any algorithm but RS256", async () => {
  assert.equal((await me(await forge({ jti: 'forged' })))[0], 401);
  assert.equal((await me(await forge({ jti: 'hmac' }, 'HS256')))[0], 401);
  assert.deepEqual(api.calls.get('forged')?.refused, { signature: 1 });
  assert.deepEqual(api.calls.get('hmac')?.refused, { malformed: 1 });
});

test('refuses tenant headers that are absent, stale or signed by another key', async () => {
  const { token, id } = await issue();
  const refused: [number, string] = [401, 'invalid tenant headers'];
  assert.deepEqual(await me(token, {}), refused);
  assert.deepEqual(await me(token, tenantHeaders(Date.now() - 301_000)), refused);
  assert.deepEqual(await me(token, tenantHeaders(Date.now(), 'another')), refused);
  assert.equal((await me(token, tenantHeaders(Date.now() - 299_000)))[0], 200);
  assert.deepEqual(api.calls.get(id), { accepted: 1, refused: { tenant: 3 } });
});

test('refuses a good token when told to', async () => {
  const { token, id } = await issue();
  const before = api.totals();
  api.refuse(id);
  assert.deepEqual(await me(token), [401, 'unauthorized']);
  assert.deepEqual(api.calls.get(id)?.refused, { denied: 1 });
  assert.deepEqual(api.totals(), { ...before, refused: before.refused + 1 });
});
