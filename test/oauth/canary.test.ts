import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { inspect } from 'node:util';
import nock from 'nock';
import { FailureError } from '../../src/failure.ts';
import { fetch } from '../../src/http/undici.ts';
import type { ClientAuthentication, PrivateKeyJwt } from '../../src/oauth/client-authentication.ts';
import { Discovery } from '../../src/oauth/discovery.ts';
import type { Source } from '../../src/oauth/source.ts';
import { requestToken } from '../../src/oauth/token-request.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A remote side that repeats what it was sent, and a token, wherever it can. */
const CANARY = 'yellow-bird-a1b2c3';
const HEADERS = {
  'content-type': 'application/json',
  'www-authenticate': `Bearer error="${CANARY}", error_description="${CANARY}"`,
  'retry-after': CANARY,
  'x-ratelimit-reset': CANARY,
  location: `https://${CANARY}.test/`,
  [CANARY]: CANARY,
};
const ERROR = { error: CANARY, error_description: CANARY, error_uri: CANARY, [CANARY]: CANARY };
const TOKEN = { access_token: CANARY, token_type: 'Bearer', expires_in: 60, scope: 'read' };

before(() => nock.disableNetConnect());
after(() => nock.restore());
afterEach(() => nock.cleanAll());

const ordinaryFetch = fetch as unknown as typeof globalThis.fetch;
const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const CLIENTS: Record<ClientAuthentication['type'], ClientAuthentication> = {
  ClientSecret: {
    ...{ type: 'ClientSecret', method: 'Basic', clientId: `${CANARY}-id` },
    clientSecret: new SecretValue(`${CANARY}-secret`),
  },
  PrivateKeyJwt: {
    ...{ type: 'PrivateKeyJwt', clientId: `${CANARY}-id`, keyId: CANARY, algorithm: 'ES256' },
    privateKey: new SecretValue(KEY.export({ type: 'pkcs8', format: 'pem' }).toString()),
    assertionAudience: 'Issuer',
  },
  Assertion: { type: 'Assertion', clientId: `${CANARY}-id`, assertion: new SecretValue(`${CANARY}-jwt`) },
};

const EXPLICIT = { tokenEndpoint: 'https://acme.eu.auth0.com/oauth/token' };
const ISSUER = 'https://acme.eu.auth0.com/';

interface Asked {
  readonly source?: Partial<Source>;
  readonly client?: ClientAuthentication;
}

function ask({ source = EXPLICIT, client = CLIENTS.ClientSecret }: Asked = {}) {
  const clock = new FakeClock();
  const discovery = new Discovery({ fetch: ordinaryFetch, clock });
  return requestToken(
    {
      source: { issuer: ISSUER, parameters: { audience: 'https://api.acme.dev' }, scopes: [], ...source },
      client,
    },
    { fetch: ordinaryFetch, clock, discovery },
  );
}

function assertSilent(shown: unknown): void {
  const text = [inspect(shown, { depth: null, showHidden: true }), JSON.stringify(shown), String(shown)].join(
    '\n',
  );
  assert.doesNotMatch(text, new RegExp(CANARY, 'i'));
}

async function assertSilentFailure(asked?: Asked): Promise<void> {
  await assert.rejects(ask(asked), (error) => {
    assert.ok(error instanceof FailureError);
    assertSilent(error);
    assertSilent(error.failure);
    assertSilent(error.stack);
    return true;
  });
}

const endpoint = () => nock('https://acme.eu.auth0.com').post('/oauth/token');

for (const status of [201, 307, 400, 401, 403, 404, 429, 500, 503]) {
  for (const [what, body] of Object.entries({ JSON: JSON.stringify(ERROR), text: CANARY, nothing: '' })) {
    test(`nothing that came with HTTP ${status} and ${what} shows in its failure`, async () => {
      for (const client of Object.values(CLIENTS)) {
        endpoint().reply(status, body, HEADERS);
        await assertSilentFailure({ client });
      }
    });
  }
}

const UNUSABLE: Record<string, unknown> = {
  'no lifetime': { ...TOKEN, expires_in: undefined },
  'a lifetime in words': { ...TOKEN, expires_in: CANARY },
  'a lifetime of zero': { ...TOKEN, expires_in: 0 },
  'an unknown type': { ...TOKEN, token_type: CANARY },
  'a scope that is no string': { ...TOKEN, scope: [CANARY] },
  'a line end in the token': { ...TOKEN, access_token: `${CANARY}\n` },
  'a token that is an object': { ...TOKEN, access_token: ERROR },
  'an error': ERROR,
};

for (const [what, body] of Object.entries(UNUSABLE)) {
  test(`nothing of a 200 with ${what} shows in its failure`, async () => {
    endpoint().reply(200, JSON.stringify(body), HEADERS);
    await assertSilentFailure();
  });
}

test('nothing of a 200 that is no JSON shows in its failure', async () => {
  endpoint().reply(200, `<p>${CANARY}</p>`, HEADERS);
  await assertSilentFailure();
});

test('neither text nor odd code of a network failure shows in it', async () => {
  for (const code of ['ECONNRESET', CANARY, `${CANARY} AND MORE`]) {
    endpoint().replyWithError(Object.assign(new Error(CANARY), { code }));
    await assertSilentFailure();
  }
});

const wellKnown = () => nock('https://acme.eu.auth0.com').get(/well-known/);

for (const status of [200, 301, 302, 400, 404, 429, 500]) {
  for (const [what, body] of Object.entries({ JSON: JSON.stringify(ERROR), text: CANARY, nothing: '' })) {
    test(`nothing of metadata with HTTP ${status} and ${what} shows in its failure`, async () => {
      wellKnown().twice().reply(status, body, HEADERS);
      await assertSilentFailure({ source: {} });
    });
  }
}

const METADATA: Record<string, unknown> = {
  'another issuer': { issuer: `https://${CANARY}.test/`, token_endpoint: `https://${CANARY}.test/` },
  'an issuer that is no URL': { issuer: CANARY },
  'a token endpoint that is no URL': { issuer: ISSUER, token_endpoint: CANARY },
  'a token endpoint over http': { issuer: ISSUER, token_endpoint: `http://${CANARY}.test/` },
};

for (const [what, body] of Object.entries(METADATA)) {
  test(`nothing of metadata with ${what} shows in its failure`, async () => {
    wellKnown()
      .twice()
      .reply(200, JSON.stringify({ ...ERROR, ...(body as object) }), HEADERS);
    await assertSilentFailure({ source: {} });
  });
}

test('the endpoint that metadata names does not show when it refuses or fails', async () => {
  const token_endpoint = `https://${CANARY}.test/${CANARY}?${CANARY}`;
  const endpoint = () => nock(`https://${CANARY}.test`).post(/./);
  const attempts = [
    () => endpoint().reply(401, ERROR, HEADERS),
    () => endpoint().reply(200, CANARY, HEADERS),
    () => endpoint().replyWithError(Object.assign(new Error(CANARY), { code: 'ENOTFOUND' })),
  ];
  for (const prepare of attempts) {
    wellKnown().reply(200, { issuer: ISSUER, token_endpoint }, HEADERS);
    prepare();
    await assertSilentFailure({ source: {} });
  }
});

test('nothing of a key that cannot be read shows in its failure', async () => {
  for (const text of [CANARY, `{"kty":"EC","d":"${CANARY}"}`, `-----BEGIN PRIVATE KEY-----\n${CANARY}\n`]) {
    const privateKey = new SecretValue(text);
    await assertSilentFailure({ client: { ...(CLIENTS.PrivateKeyJwt as PrivateKeyJwt), privateKey } });
  }
});

test('an issued token does not show when it is printed', async () => {
  endpoint().reply(200, TOKEN, HEADERS);
  const token = await ask();
  assert.equal(token.value.reveal(), CANARY);
  assertSilent(token);
});
