import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createRemoteJWKSet, customFetch, decodeJwt, jwtVerify } from 'jose';
import { type Issuer, startIssuer } from '../../sandbox/issuer/issuer.ts';
import { createAuthority } from '../../sandbox/pki.ts';
import { createTrustingFetch, type TrustingFetch } from '../../sandbox/trusting-fetch.ts';

const AUDIENCE = 'https://api.test';
const OTHER = 'https://other.test';

let issuer: Issuer;
let trusting: TrustingFetch;

before(async () => {
  const authority = await createAuthority('test');
  trusting = createTrustingFetch(authority.certPem);
  issuer = await startIssuer({
    authority,
    audiences: [AUDIENCE, OTHER],
    tokenLifetimeSeconds: 60,
    clients: [
      { id: 'm2m', secret: 'right', grants: [AUDIENCE] },
      { id: 'off', secret: 'right', clientCredentials: false },
    ],
  });
});
after(async () => {
  await issuer.stop();
  await trusting.close();
});
beforeEach(() => {
  issuer.clearFault();
  issuer.setClientSecret('m2m', 'right');
  issuer.setTokenLifetime(60);
});

function ask(fields: Record<string, string> = {}): Promise<Response> {
  const form = {
    grant_type: 'client_credentials',
    client_id: 'm2m',
    client_secret: 'right',
    audience: AUDIENCE,
    ...fields,
  };
  return trusting.fetch(`${issuer.url}oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
}

async function issue(): Promise<{ access_token: string; expires_in: number; token_type: string }> {
  const response = await ask();
  assert.equal(response.status, 200);
  return (await response.json()) as { access_token: string; expires_in: number; token_type: string };
}

async function refusal(fields: Record<string, string>): Promise<[number, string, string]> {
  const refusedBefore = issuer.requests.refused;
  const response = await ask(fields);
  const body = (await response.json()) as { error: string; error_description: string };
  assert.equal(issuer.requests.refused, refusedBefore + 1);
  return [response.status, body.error, body.error_description];
}

test('issues an RS256 token in Auth0 dialect that its own keys verify', async () => {
  const answer = await issue();
  const keys = createRemoteJWKSet(new URL(issuer.jwksUrl), { [customFetch]: trusting.fetch });
  const { payload, protectedHeader } = await jwtVerify(answer.access_token, keys, {
    issuer: issuer.url,
    audience: AUDIENCE,
  });
  assert.equal(answer.token_type, 'Bearer');
  assert.equal(answer.expires_in, 60);
  assert.equal(protectedHeader.alg, 'RS256');
  assert.equal(protectedHeader.typ, 'JWT');
  assert.equal(payload.sub, 'm2m@clients');
  assert.equal(payload.azp, 'm2m');
  assert.equal(payload.gty, 'client-credentials');
  assert.equal(payload.client_id, undefined);
  assert.equal(Number(payload.exp) - Number(payload.iat), 60);
});

test('names itself with a trailing slash in its discovery document', async () => {
  const response = await trusting.fetch(`${issuer.url}.well-known/openid-configuration`);
  const metadata = (await response.json()) as Record<string, unknown>;
  assert.equal(metadata.issuer, issuer.url);
  assert.equal(metadata.token_endpoint, `https://${issuer.domain}/oauth/token`);
  assert.equal(metadata.jwks_uri, issuer.jwksUrl);
});

test('counts what it issues by client and audience, with the id in the token', async () => {
  const count = issuer.issuedCount('m2m', AUDIENCE);
  const { access_token } = await issue();
  const record = issuer.issued.at(-1);
  assert.equal(issuer.issuedCount('m2m', AUDIENCE), count + 1);
  assert.equal(issuer.issuedCount('m2m', OTHER), 0);
  assert.equal(record?.tokenId, decodeJwt(access_token).jti);
  assert.equal(record?.expiresAt, decodeJwt(access_token).exp);
});

test('refuses a wrong secret and an unknown client as Auth0 does', async () => {
  assert.deepEqual(await refusal({ client_secret: 'wrong' }), [401, 'access_denied', 'Unauthorized']);
  assert.deepEqual(await refusal({ client_id: 'nobody' }), [401, 'access_denied', 'Unauthorized']);
});

test('refuses an unknown audience, an audience without a grant, and none at all', async () => {
  for (const audience of ['https://nowhere.test', 'no-uri']) {
    const answer = [403, 'access_denied', `Service not enabled within domain: ${audience}`];
    assert.deepEqual(await refusal({ audience }), answer);
  }
  const [status, error, description] = await refusal({ audience: OTHER });
  assert.deepEqual([status, error], [403, 'access_denied']);
  assert.match(description, /^Client is not authorized to access "https:\/\/other\.test"/);
  const none = await refusal({ audience: '' });
  assert.deepEqual(none.slice(0, 2), [403, 'access_denied']);
});

test('refuses a client whose grant is switched off', async () => {
  const [status, error] = await refusal({ client_id: 'off' });
  assert.deepEqual([status, error], [403, 'unauthorized_client']);
});

test('takes a new token lifetime and a new client secret while it runs', async () => {
  issuer.setTokenLifetime(7);
  assert.equal((await issue()).expires_in, 7);
  issuer.setClientSecret('m2m', 'rotated');
  assert.equal((await ask()).status, 401);
  assert.equal((await ask({ client_secret: 'rotated' })).status, 200);
});

test('delays the answer', async () => {
  issuer.setFault({ kind: 'delay', ms: 200 });
  const start = performance.now();
  assert.equal((await ask()).status, 200);
  assert.ok(performance.now() - start >= 190);
});

test('answers 429 with Retry-After and the rate limit headers, and issues nothing', async () => {
  const issued = issuer.issued.length;
  issuer.setFault({ kind: 'rateLimited', retryAfterSeconds: 9 });
  const response = await ask();
  assert.equal(response.status, 429);
  assert.equal(response.headers.get('retry-after'), '9');
  assert.equal(response.headers.get('x-ratelimit-remaining'), '0');
  assert.deepEqual(await response.json(), { error: 'too_many_requests' });
  assert.equal(issuer.issued.length, issued);
});

test('answers 5xx or an HTML page', async () => {
  issuer.setFault({ kind: 'serverError', status: 502 });
  assert.equal((await ask()).status, 502);
  issuer.setFault({ kind: 'html' });
  const page = await ask();
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-type') ?? '', /html/);
});

test('resets the connection without issuing', async () => {
  const issued = issuer.issued.length;
  issuer.setFault({ kind: 'reset' });
  await assert.rejects(ask());
  assert.equal(issuer.issued.length, issued);
});

test('loses a response after it has issued', async () => {
  const issued = issuer.issued.length;
  issuer.setFault({ kind: 'lostResponse' });
  await assert.rejects(ask());
  assert.equal(issuer.issued.length, issued + 1);
});

test('strikes as often as told, at the token endpoint only', async () => {
  const faulted = issuer.requests.faulted;
  issuer.setFault({ kind: 'reset', times: 1 });
  assert.equal((await trusting.fetch(issuer.jwksUrl)).status, 200);
  await assert.rejects(ask());
  assert.equal((await ask()).status, 200);
  assert.equal(issuer.requests.faulted, faulted + 1);
});

test('stops at once, also in the middle of a delayed answer', async () => {
  const authority = await createAuthority('short-lived');
  const shortLived = await startIssuer({
    authority,
    audiences: [AUDIENCE],
    tokenLifetimeSeconds: 60,
    clients: [{ id: 'm2m', secret: 'right' }],
  });
  const own = createTrustingFetch(authority.certPem);
  shortLived.setFault({ kind: 'delay', ms: 60_000 });
  const pending = assert.rejects(own.fetch(`${shortLived.url}oauth/token`, { method: 'POST' }));
  await own.fetch(shortLived.jwksUrl);
  await shortLived.stop();
  await pending;
  await own.close();
});
