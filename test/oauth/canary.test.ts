import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { inspect } from 'node:util';
import nock from 'nock';
import { FailureError } from '../../src/failure.ts';
import { fetch } from '../../src/http/undici.ts';
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

function ask() {
  const clientSecret = new SecretValue(`${CANARY}-secret`);
  return requestToken(
    { domain: 'acme.eu.auth0.com', audience: 'https://api.acme.dev', clientId: `${CANARY}-id`, clientSecret },
    { fetch: fetch as unknown as typeof globalThis.fetch, clock: new FakeClock() },
  );
}

function assertSilent(shown: unknown): void {
  const text = [inspect(shown, { depth: null, showHidden: true }), JSON.stringify(shown), String(shown)].join(
    '\n',
  );
  assert.doesNotMatch(text, new RegExp(CANARY, 'i'));
}

async function assertSilentFailure(): Promise<void> {
  await assert.rejects(ask(), (error) => {
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
      endpoint().reply(status, body, HEADERS);
      await assertSilentFailure();
    });
  }
}

const UNUSABLE: Record<string, unknown> = {
  'no lifetime': { ...TOKEN, expires_in: undefined },
  'a lifetime in words': { ...TOKEN, expires_in: CANARY },
  'a lifetime of zero': { ...TOKEN, expires_in: 0 },
  'an unknown type': { ...TOKEN, token_type: CANARY },
  'an id_token that is none': { ...TOKEN, id_token: CANARY },
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

test('an issued token does not show when it is printed', async () => {
  endpoint().reply(200, TOKEN, HEADERS);
  const token = await ask();
  assert.equal(token.value.reveal(), CANARY);
  assertSilent(token);
});
