import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { after, beforeEach, test } from 'node:test';
import { createAuthority } from '../../sandbox/pki.ts';
import { FailureError } from '../../src/failure.ts';
import { askMetadata } from '../../src/oauth/server-metadata.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startOpenProvider } from './open-provider.ts';
import { says, startPageServer } from './page-server.ts';

const authority = await createAuthority('private CA');
const server = await startPageServer(authority);
const { origin, pages, asked } = server;

const REALM = `${origin}/realms/x`;
const OIDC = '/realms/x/.well-known/openid-configuration';
const RFC8414 = '/.well-known/oauth-authorization-server/realms/x';
const clock = new FakeClock();

beforeEach(() => server.reset());
after(() => server.stop());

const find = (issuer: string) => askMetadata(issuer, { fetch: server.fetch, clock });

async function failureOf(issuer = REALM) {
  try {
    await find(issuer);
  } catch (error) {
    assert.ok(error instanceof FailureError, String(error));
    return error.failure;
  }
  return assert.fail('metadata was found');
}

test('metadata is found where OpenID Connect puts it, and nothing else is asked for', async () => {
  pages.set(OIDC, server.metadata(REALM));
  assert.deepEqual(await find(REALM), { issuer: REALM, tokenEndpoint: `${origin}/token` });
  assert.deepEqual(asked, [`GET ${OIDC}`]);
});

test('metadata is found where RFC 8414 puts it when OpenID Connect has none', async () => {
  for (const answer of [says('', 404), says('', 403), says('oops', 500), says('<html>'), says({})]) {
    asked.length = 0;
    pages.set(OIDC, answer);
    pages.set(RFC8414, server.metadata(REALM));
    assert.equal((await find(REALM)).tokenEndpoint, `${origin}/token`);
    assert.deepEqual(asked, [`GET ${OIDC}`, `GET ${RFC8414}`]);
  }
});

test('an issuer without a path, with or without its slash, is one; its own spelling is kept', async () => {
  pages.set('/.well-known/oauth-authorization-server', server.metadata(`${origin}/`));
  assert.equal((await find(origin)).issuer, `${origin}/`);
  assert.equal((await find(`${origin}/`)).issuer, `${origin}/`);
});

test('a certified provider is found by its issuer', async () => {
  const provider = await startOpenProvider(authority, []);
  try {
    const { issuer, tokenEndpoint } = provider;
    assert.deepEqual(await find(issuer), { issuer, tokenEndpoint });
  } finally {
    await provider.stop();
  }
});

const MISTAKES: [what: string, answer: () => RequestListener, text: RegExp][] = [
  ['no metadata in either place', () => says('', 404), /no metadata.*tokenEndpoint/],
  [
    'metadata of another issuer',
    () => server.metadata(`${origin}/realms/y`),
    /another issuer.*tokenEndpoint/,
  ],
  ['metadata that differs by a slash', () => server.metadata(`${REALM}/`), /another issuer.*tokenEndpoint/],
  ['metadata of an issuer that is no URL', () => server.metadata('x'), /another issuer/],
  ['metadata without an issuer', () => says({ token_endpoint: origin }), /or of none/],
  ['metadata that is a list', () => says([]), /or of none/],
  ['metadata without a token endpoint', () => says({ issuer: REALM }), /no token endpoint/],
  ['a token endpoint that is no text', () => server.metadata(REALM, 7), /no token endpoint/],
  [
    'a token endpoint over http',
    () => server.metadata(REALM, 'http://a.dev/token'),
    /no token endpoint.*https/,
  ],
  [
    'a token endpoint with a password',
    () => server.metadata(REALM, 'https://u:p@a.dev/'),
    /no token endpoint/,
  ],
  ['a redirect for good', () => says('', 301, { location: `${origin}/` }), /redirect is not followed/],
];

for (const [what, answer, text] of MISTAKES) {
  test(`${what} is for a person to correct`, async () => {
    pages.set(OIDC, answer());
    const { reason, disposition, message } = await failureOf();
    assert.deepEqual([reason, disposition], ['RequestRefused', 'stall']);
    assert.match(message, text);
    assert.match(message, /spec\.source\.oauth2\.issuer/);
  });
}

const OUTAGES: [what: string, answer: RequestListener, reason: string][] = [
  ['HTTP 500', says('', 500), 'ProviderUnavailable'],
  ['HTTP 503', says({}, 503), 'ProviderUnavailable'],
  ['HTTP 408', says('', 408), 'ProviderUnavailable'],
  ['a redirect for the moment', says('', 302, { location: '/' }), 'ProviderUnavailable'],
  ['HTTP 429', says('', 429), 'RateLimited'],
  ['a page', says('<html>', 200, { 'content-type': 'text/html' }), 'ProviderUnavailable'],
  ['half a JSON', says('{"issuer":'), 'ProviderUnavailable'],
  ['a document without end', says(`{"a":"${'a'.repeat(2 ** 20)}"}`), 'ProviderUnavailable'],
  ['a broken connection', (request) => request.socket.destroy(), 'ProviderUnavailable'],
];

for (const [what, answer, reason] of OUTAGES) {
  test(`${what} is retried, wherever it is met`, async () => {
    for (const page of [OIDC, RFC8414]) {
      pages.clear();
      pages.set(page, answer);
      const { disposition, ...failure } = await failureOf();
      assert.deepEqual([failure.reason, disposition], [reason, 'retry']);
    }
  });
}

test('a mistake in one place is no verdict while the other place is out of order', async () => {
  pages.set(OIDC, server.metadata(`${origin}/realms/y`));
  pages.set(RFC8414, says('', 503));
  assert.equal((await failureOf()).reason, 'ProviderUnavailable');
});

test('a Retry-After is kept to', async () => {
  pages.set(OIDC, says('', 503, { 'retry-after': '90' }));
  assert.equal((await failureOf()).notBefore, clock.now() + 90_000);
});

test('an issuer that no metadata can belong to is reported without a request', async () => {
  const wrong = ['http://a.dev', 'a.dev', '', 'https://u:p@a.dev/', `${origin}?a=b`, `${origin}#a`];
  for (const issuer of wrong) {
    const { reason, message } = await failureOf(issuer);
    assert.equal(reason, 'RequestRefused');
    assert.match(message, /https URL without user, query and fragment/);
  }
  assert.deepEqual(asked, []);
});
