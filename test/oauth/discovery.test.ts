import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { createAuthority } from '../../sandbox/pki.ts';
import { FailureError, WithheldError } from '../../src/failure.ts';
import { Discovery } from '../../src/oauth/discovery.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/until.ts';
import { says, startPageServer } from './page-server.ts';

const HOUR_MS = 3_600_000;
const authority = await createAuthority('private CA');
const server = await startPageServer(authority);
const { origin, pages, asked } = server;

const REALM = `${origin}/realms/x`;
const OIDC = '/realms/x/.well-known/openid-configuration';

let clock: FakeClock;
let discovery: Discovery;

beforeEach(() => {
  server.reset();
  clock = new FakeClock();
  discovery = new Discovery({ fetch: server.fetch, clock });
});
after(() => server.stop());

test('metadata is asked for once an hour', async () => {
  pages.set(OIDC, server.metadata(REALM));
  await discovery.find(REALM);
  await clock.advance(HOUR_MS - 1);
  clock.jump(-24 * HOUR_MS);
  await discovery.find(REALM);
  assert.equal(asked.length, 1);
  await clock.advance(1);
  pages.set(OIDC, server.metadata(REALM, `${origin}/moved`));
  assert.equal((await discovery.find(REALM)).tokenEndpoint, `${origin}/moved`);
  assert.equal(asked.length, 2);
});

test('metadata stays in use while a refresh of it fails, which is tried once a minute', async () => {
  pages.set(OIDC, server.metadata(REALM));
  const first = await discovery.find(REALM);
  for (const failing of [says('', 500), says('', 404), server.metadata(`${origin}/realms/y`)]) {
    await clock.advance(HOUR_MS);
    pages.set(OIDC, failing);
    asked.length = 0;
    for (let n = 0; n < 3; n += 1) assert.deepEqual(await discovery.find(REALM), first);
    assert.equal(asked.filter((line) => line.endsWith(OIDC)).length, 1);
    await clock.advance(60_000);
    await discovery.find(REALM);
    assert.equal(asked.filter((line) => line.endsWith(OIDC)).length, 2);
  }
  await clock.advance(60_000);
  pages.set(OIDC, server.metadata(REALM, `${origin}/back`));
  assert.equal((await discovery.find(REALM)).tokenEndpoint, `${origin}/back`);
});

test('a failure is not remembered', async () => {
  await assert.rejects(discovery.find(REALM), FailureError);
  pages.set(OIDC, server.metadata(REALM));
  await discovery.find(REALM);
});

/** Holds the answer to OpenID Connect's form back until it is let go. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>();
  pages.set(OIDC, (request, response) => void promise.then(() => server.metadata(REALM)(request, response)));
  return resolve;
}

test('those who ask at once share a request, and one who leaves does not end it for the others', async () => {
  const letGo = held();
  const leaving = new AbortController();
  const left = discovery.find(REALM, leaving.signal);
  const others = [discovery.find(REALM), discovery.find(REALM, new AbortController().signal)];
  await until(() => asked.length === 1, 'the server is asked');
  leaving.abort(new Error('shutting down'));
  await assert.rejects(left, { message: 'shutting down' });
  letGo();
  for (const found of await Promise.all(others)) assert.equal(found.issuer, REALM);
  assert.equal(asked.length, 1);
});

test('one who has left before asking asks nothing', async () => {
  await assert.rejects(discovery.find(REALM, AbortSignal.abort(new Error('gone'))), { message: 'gone' });
  assert.deepEqual(asked, []);
});

test('a call that this process holds back is passed on as that, and is no failure of the issuer', async () => {
  const fetch = () => Promise.reject(new WithheldError('the Lease is over'));
  await assert.rejects(new Discovery({ fetch, clock }).find(REALM), WithheldError);
});

test('metadata that turned out wrong is asked for anew, once for all who found so', async () => {
  pages.set(OIDC, server.metadata(REALM));
  const outdated = await discovery.find(REALM);
  pages.set(OIDC, server.metadata(REALM, `${origin}/moved`));
  const renewed = await Promise.all([1, 2, 3].map(() => discovery.renew(REALM, outdated)));
  renewed.push(await discovery.renew(REALM, outdated), await discovery.find(REALM));
  for (const { tokenEndpoint } of renewed) assert.equal(tokenEndpoint, `${origin}/moved`);
  assert.equal(asked.length, 2);
});

test('of more than a thousand issuers the one unused for longest is forgotten', async () => {
  const count = new Map<string, number>();
  const fetch: typeof globalThis.fetch = async (url) => {
    const issuer = String(url).replace('/.well-known/openid-configuration', '');
    count.set(issuer, (count.get(issuer) ?? 0) + 1);
    return Response.json({ issuer, token_endpoint: `${issuer}/token` });
  };
  discovery = new Discovery({ fetch, clock });
  const issuer = (n: number) => `https://id.acme.dev/${n}`;
  for (let n = 0; n < 1000; n += 1) await discovery.find(issuer(n));
  await discovery.find(issuer(0));
  await discovery.find(issuer(1000));
  await discovery.find(issuer(0));
  await discovery.find(issuer(2));
  assert.deepEqual([count.get(issuer(0)), count.get(issuer(2))], [1, 1]);
  await discovery.find(issuer(1));
  assert.equal(count.get(issuer(1)), 2);
});
