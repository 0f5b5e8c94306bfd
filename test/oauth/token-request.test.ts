import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import nock from 'nock';
import type { ProviderReport } from '../../src/binding/provider-report.ts';
import { FailureError, WithheldError } from '../../src/failure.ts';
import { fetch } from '../../src/http/undici.ts';
import type { ClientAuthentication } from '../../src/oauth/client-authentication.ts';
import { Discovery } from '../../src/oauth/discovery.ts';
import type { Source } from '../../src/oauth/source.ts';
import { requestToken, type TokenRequest } from '../../src/oauth/token-request.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { FakeClock } from '../support/fake-clock.ts';

const REQUEST: TokenRequest = {
  source: {
    issuer: 'https://acme.eu.auth0.com/',
    tokenEndpoint: 'https://acme.eu.auth0.com/oauth/token',
    parameters: { audience: 'https://api.acme.dev' },
    scopes: [],
  },
  client: {
    ...{ type: 'ClientSecret', method: 'Post', clientId: 'm2m' },
    clientSecret: new SecretValue('s3cret &+/='),
  },
};
const TOKEN = { access_token: 'opaque-token', token_type: 'Bearer', expires_in: 86_400 };

const clock = new FakeClock();
const ordinaryFetch = fetch as unknown as typeof globalThis.fetch;
let reports: ProviderReport[] = [];
const effects = {
  ...{ fetch: ordinaryFetch, clock, discovery: new Discovery({ fetch: ordinaryFetch, clock }) },
  onReport: (report: ProviderReport) => void reports.push(report),
};

before(() => nock.disableNetConnect());
after(() => nock.restore());
afterEach(() => {
  const unused = nock.pendingMocks();
  nock.cleanAll();
  reports = [];
  assert.deepEqual(unused, []);
});

const endpoint = () => nock('https://acme.eu.auth0.com').post('/oauth/token');

async function failureOf(request = REQUEST) {
  try {
    await requestToken(request, effects);
  } catch (error) {
    assert.ok(error instanceof FailureError, String(error));
    return error.failure;
  }
  return assert.fail('a token was issued');
}

async function outcome(request = REQUEST): Promise<string> {
  const { reason, disposition } = await failureOf(request);
  return `${reason} ${disposition}`;
}

test('the token is asked for as a form that holds grant, client, secret and audience, each encoded', async () => {
  let form: unknown;
  nock('https://acme.eu.auth0.com', { reqheaders: { 'content-type': /^application\/x-www-form-urlencoded/ } })
    .post('/oauth/token', (body) => {
      form = { ...body };
      return true;
    })
    .reply(200, TOKEN);
  const token = await requestToken(REQUEST, effects);
  assert.equal(token.value.reveal(), 'opaque-token');
  assert.deepEqual([token.issuedAt, token.expiresAt], [clock.now(), clock.now() + 86_400_000]);
  assert.deepEqual(form, {
    grant_type: 'client_credentials',
    client_id: 'm2m',
    client_secret: 's3cret &+/=',
    audience: 'https://api.acme.dev',
  });
});

test('the lifetime counts from before the request was sent', async () => {
  const sentAt = clock.now();
  endpoint().reply(() => {
    clock.pause(5_000);
    return [200, TOKEN];
  });
  assert.equal((await requestToken(REQUEST, effects)).expiresAt, sentAt + 86_400_000);
});

test('an error code is read from a JSON body, whatever its content type', async () => {
  endpoint().reply(400, '{"error":"invalid_scope"}', { 'content-type': 'text/html' });
  assert.equal(await outcome(), 'ScopeNotGranted stall');
});

test('an error code is read although WWW-Authenticate stands beside it', async () => {
  endpoint().reply(403, { error: 'invalid_target' }, { 'www-authenticate': 'Bearer realm="x"' });
  assert.equal(await outcome(), 'AudienceUnknown stall');
});

test('a refusal without a body, or with one that is no JSON object, is classed by its status', async () => {
  for (const body of ['', '<html>', '[]', 'null', '"invalid_scope"', '{"error":{"code":"invalid_scope"}}']) {
    endpoint().reply(400, body);
    assert.equal(await outcome(), 'RequestRefused stall', body);
  }
});

test('Retry-After counts although the 429 is no JSON', async () => {
  endpoint().reply(429, 'slow down', { 'retry-after': '90' });
  const { reason, notBefore } = await failureOf();
  assert.deepEqual([reason, notBefore], ['RateLimited', clock.now() + 90_000]);
});

test('a server error is an outage although its JSON names a code', async () => {
  endpoint().reply(500, { error: 'invalid_client' });
  assert.equal(await outcome(), 'ProviderUnavailable retry');
});

test('a token of a lifetime of zero fails a check', async () => {
  endpoint().reply(200, { ...TOKEN, expires_in: 0 });
  assert.equal(await outcome(), 'VerificationFailed stall');
});

test('a token without a lifetime has the one that is assumed', async () => {
  endpoint().reply(200, { ...TOKEN, expires_in: null });
  const { issuedAt, expiresAt } = await requestToken({ ...REQUEST, assumedLifetimeMs: 900_000 }, effects);
  assert.equal(expiresAt - issuedAt, 900_000);
});

test('a lifetime written as a string of digits is understood', async () => {
  endpoint().reply(200, { ...TOKEN, expires_in: '3600' });
  assert.equal((await requestToken(REQUEST, effects)).expiresAt, clock.now() + 3_600_000);
});

for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND']) {
  test(`${code} is an outage, and the message names it`, async () => {
    endpoint().replyWithError(Object.assign(new Error('text'), { code }));
    const { reason, disposition, message } = await failureOf();
    assert.deepEqual([reason, disposition], ['ProviderUnavailable', 'retry']);
    assert.ok(message.includes(code));
  });
}

test('a source that no request can be sent to is reported without one', async () => {
  const wrong: [Partial<Source>, RegExp][] = [
    [{ tokenEndpoint: 'https://acme.dev:99999/oauth/token' }, /spec\.source\.auth0\.domain/],
    [{ tokenEndpoint: 'http://acme.dev/token' }, /https URL.*spec\.source\.oauth2\.tokenEndpoint/],
    [{ tokenEndpoint: 'https://user:pass@acme.dev/token' }, /without user and password/],
    [{ parameters: { client_id: 'another' } }, /client_id.*spec\.source\.oauth2\.parameters/],
  ];
  for (const [source, text] of wrong) {
    const { reason, message } = await failureOf({ ...REQUEST, source: { ...REQUEST.source, ...source } });
    assert.equal(reason, 'RequestRefused');
    assert.match(message, text);
  }
  const { message } = await failureOf({ ...REQUEST, source: { parameters: {}, scopes: [] } });
  assert.match(message, /neither an issuer nor a token endpoint/);
});

test('an assertion for an issuer that is not known is reported without a request', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = new SecretValue(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  const source = { tokenEndpoint: 'https://acme.eu.auth0.com/oauth/token', parameters: {}, scopes: [] };
  const meantFor = (assertionAudience: 'Issuer' | 'TokenEndpoint'): TokenRequest => ({
    source,
    client: {
      type: 'PrivateKeyJwt',
      clientId: 'm2m',
      algorithm: 'ES256',
      privateKey: key,
      assertionAudience,
    },
  });
  const { reason, message } = await failureOf(meantFor('Issuer'));
  assert.equal(reason, 'RequestRefused');
  assert.match(message, /assertionAudience: TokenEndpoint/);
  endpoint().reply(200, TOKEN);
  await requestToken(meantFor('TokenEndpoint'), effects);
});

test('every response of the token endpoint is reported on, also a refusal', async () => {
  const date = (ms: number) => ({ date: new Date(clock.now() + ms).toUTCString() });
  endpoint().reply(200, TOKEN, { ...date(0), 'auth0-client-quota-limit': 'b=per_day;q=10;r=7;t=60' });
  await requestToken(REQUEST, effects);
  endpoint().reply(401, '', date(120_000));
  await failureOf();
  endpoint().replyWithError(new Error('reset'));
  await failureOf();
  assert.equal(reports.length, 2);
  assert.deepEqual(
    reports[0]?.quotas.map(({ limit, remaining }) => [limit, remaining]),
    [[10, 7]],
  );
  assert.ok(Math.abs((reports[1]?.skewMs ?? 0) - 120_000) <= 1000);
});

test('a call that this process holds back is passed on as that, and is no failure of the provider', async () => {
  const held = new WithheldError('the breaker is open');
  const withheld = requestToken(REQUEST, { ...effects, fetch: () => Promise.reject(held) });
  await assert.rejects(withheld, (error) => error === held);
});

test('HTTP 404 of an endpoint that the spec names leads to no discovery', async () => {
  endpoint().reply(404);
  assert.equal(await outcome(), 'RequestRefused stall');
});

test('an empty credential is reported without a request', async () => {
  const [empty, full] = [new SecretValue(''), new SecretValue('full')];
  const signer = { type: 'PrivateKeyJwt', algorithm: 'RS256', assertionAudience: 'Issuer' } as const;
  const clients: [ClientAuthentication, RegExp][] = [
    [{ type: 'ClientSecret', method: 'Basic', clientId: 'a', clientSecret: empty }, /client secret is empty/],
    [{ type: 'ClientSecret', method: 'Post', clientId: '', clientSecret: full }, /client id/],
    [{ ...signer, clientId: 'a', privateKey: new SecretValue(' \n') }, /private key is empty/],
    [{ ...signer, clientId: '', privateKey: full }, /client id/],
    [{ type: 'Assertion', clientId: 'a', assertion: empty }, /ServiceAccount token is empty/],
  ];
  for (const [client, text] of clients) {
    const { reason, disposition, message } = await failureOf({ ...REQUEST, client });
    assert.deepEqual([reason, disposition], ['CredentialsMissing', 'stall']);
    assert.match(message, text);
  }
});
