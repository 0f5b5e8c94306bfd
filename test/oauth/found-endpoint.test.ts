import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import nock from 'nock';
import { fetch } from '../../src/http/undici.ts';
import { Discovery } from '../../src/oauth/discovery.ts';
import { requestToken, type TokenRequest } from '../../src/oauth/token-request.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { FakeClock } from '../support/fake-clock.ts';

const TOKEN = { access_token: 'opaque-token', token_type: 'Bearer', expires_in: 86_400 };

const clock = new FakeClock();
const ordinaryFetch = fetch as unknown as typeof globalThis.fetch;

before(() => nock.disableNetConnect());
after(() => nock.restore());
afterEach(() => {
  const unused = nock.pendingMocks();
  nock.cleanAll();
  assert.deepEqual(unused, []);
});

/** A source that names an issuer only. */
const FOUND: TokenRequest = {
  client: {
    ...{ type: 'ClientSecret', method: 'Post', clientId: 'm2m' },
    clientSecret: new SecretValue('s3cret'),
  },
  source: { issuer: 'https://id.acme.dev/x', parameters: { audience: 'a' }, scopes: ['read', 'write'] },
};
const id = () => nock('https://id.acme.dev');
const metadata = (path: string, more = {}) =>
  id()
    .get('/x/.well-known/openid-configuration')
    .reply(200, { issuer: FOUND.source.issuer, token_endpoint: `https://id.acme.dev${path}`, ...more });
const ask = (discovery = new Discovery({ fetch: ordinaryFetch, clock }), onReport = () => {}) =>
  requestToken(FOUND, { fetch: ordinaryFetch, clock, discovery, onReport });

test('an endpoint that is found by discovery is asked, whatever its metadata says that it cannot do', async () => {
  metadata('/token', {
    grant_types_supported: ['implicit'],
    token_endpoint_auth_methods_supported: ['none'],
  });
  let form: unknown;
  id()
    .post('/token', (body) => {
      form = { ...body };
      return true;
    })
    .reply(200, TOKEN);
  await ask();
  const { client_secret: _, ...rest } = form as Record<string, string>;
  assert.deepEqual(rest, {
    ...{ grant_type: 'client_credentials', client_id: 'm2m', audience: 'a', scope: 'read write' },
  });
});

for (const status of [404, 405]) {
  test(`after HTTP ${status} metadata is asked anew, and an endpoint that has moved gets the request`, async () => {
    metadata('/old');
    id().post('/old').reply(status);
    metadata('/new');
    id().post('/new').reply(200, TOKEN);
    const discovery = new Discovery({ fetch: ordinaryFetch, clock });
    let reports = 0;
    const token = await ask(discovery, () => {
      reports += 1;
    });
    assert.equal(token.value.reveal(), 'opaque-token');
    assert.equal(reports, 2);
    id().post('/new').reply(200, TOKEN);
    await ask(discovery);
  });

  test(`HTTP ${status} of an endpoint that has not moved is refused, and sent once only`, async () => {
    metadata('/token');
    id().post('/token').reply(status, { error: 'invalid_request' });
    metadata('/token');
    await assert.rejects(ask(), { message: new RegExp(`HTTP ${status}`) });
  });

  test(`HTTP ${status} of an endpoint is refused by its own status although metadata has gone too`, async () => {
    metadata('/token');
    id().post('/token').reply(status);
    id()
      .get(/well-known/)
      .twice()
      .reply(500);
    await assert.rejects(ask(), { message: new RegExp(`HTTP ${status}`) });
  });
}

test('an endpoint that moves twice is followed once', async () => {
  for (const path of ['/a', '/b']) {
    metadata(path);
    id().post(path).reply(404);
  }
  await assert.rejects(ask(), { message: /HTTP 404/ });
});

test('no other refusal leads to discovery', async () => {
  metadata('/token');
  const discovery = new Discovery({ fetch: ordinaryFetch, clock });
  for (const status of [400, 401, 403, 410, 500]) {
    id().post('/token').reply(status);
    await assert.rejects(ask(discovery), { message: new RegExp(`HTTP ${status}`) });
  }
});

test('a failed discovery is the failure of the request', async () => {
  id()
    .get(/well-known/)
    .twice()
    .reply(503);
  await assert.rejects(ask(), { message: /id\.acme\.dev answered HTTP 503.*metadata/ });
});
