import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import nock from 'nock';
import { FailureError } from '../../src/failure.ts';
import { fetch } from '../../src/http/undici.ts';
import { requestToken, type TokenRequest } from '../../src/oauth/token-request.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { FakeClock } from '../support/fake-clock.ts';

const REQUEST: TokenRequest = {
  domain: 'acme.eu.auth0.com',
  audience: 'https://api.acme.dev',
  clientId: 'm2m',
  clientSecret: new SecretValue('s3cret &+/='),
};
const TOKEN = { access_token: 'opaque-token', token_type: 'Bearer', expires_in: 86_400 };

const clock = new FakeClock();
const effects = { fetch: fetch as unknown as typeof globalThis.fetch, clock };

before(() => nock.disableNetConnect());
after(() => nock.restore());
afterEach(() => {
  const unused = nock.pendingMocks();
  nock.cleanAll();
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

async function outcome(): Promise<string> {
  const { reason, disposition } = await failureOf();
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

test('a token response of the wrong content type is still one', async () => {
  endpoint().reply(200, JSON.stringify(TOKEN), { 'content-type': 'text/plain' });
  assert.equal((await requestToken(REQUEST, effects)).value.reveal(), 'opaque-token');
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

test('a page instead of a token is an outage', async () => {
  endpoint().reply(200, '<html>maintenance</html>', { 'content-type': 'text/html' });
  assert.equal(await outcome(), 'ProviderUnavailable retry');
  endpoint().reply(200, '{"access_token":', { 'content-type': 'application/json' });
  assert.equal(await outcome(), 'ProviderUnavailable retry');
});

const MALFORMED: [what: string, body: unknown][] = [
  ['no access_token', { token_type: 'Bearer', expires_in: 60 }],
  ['an empty access_token', { ...TOKEN, access_token: '' }],
  ['an access_token that is no string', { ...TOKEN, access_token: { a: 1 } }],
  ['no token_type', { access_token: 'a', expires_in: 60 }],
  ['a token bound to a key (DPoP)', { ...TOKEN, token_type: 'DPoP' }],
  ['a token of an unknown type', { ...TOKEN, token_type: 'mac' }],
  ['a negative lifetime', { ...TOKEN, expires_in: -1 }],
  ['a lifetime of zero', { ...TOKEN, expires_in: 0 }],
  ['a lifetime in words', { ...TOKEN, expires_in: 'long' }],
  ['no lifetime', { access_token: 'a', token_type: 'Bearer' }],
  ['an error with status 200', { error: 'invalid_client' }],
  ['a list', [TOKEN]],
];

for (const [what, body] of MALFORMED) {
  test(`a 200 with ${what} is ResponseInvalid, tried again`, async () => {
    endpoint().reply(200, JSON.stringify(body), { 'content-type': 'application/json' });
    assert.equal(await outcome(), 'ResponseInvalid retry');
  });
}

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

test('an empty credential is reported without a request', async () => {
  for (const empty of [{ clientId: '' }, { clientSecret: new SecretValue('') }]) {
    const { reason, disposition } = await failureOf({ ...REQUEST, ...empty });
    assert.deepEqual([reason, disposition], ['CredentialsMissing', 'stall']);
  }
});

test('a domain that no URL can hold is reported without a request', async () => {
  const { reason, message } = await failureOf({ ...REQUEST, domain: 'acme.dev:99999' });
  assert.equal(reason, 'RequestRefused');
  assert.match(message, /spec\.source\.auth0\.domain/);
});
