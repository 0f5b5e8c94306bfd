import assert from 'node:assert/strict';
import { get as httpsGet } from 'node:https';
import { after, before, it } from 'node:test';
import { type Authority, createAuthority } from '../../sandbox/pki.ts';
import { type RudeServer, startRudeServer } from '../../sandbox/rude-server.ts';
import { createTrustingFetch, type TrustingFetch } from '../../sandbox/trusting-fetch.ts';

const CANARY = 'canary-0123';

let authority: Authority;
let server: RudeServer;
let trusting: TrustingFetch;
before(async () => {
  authority = await createAuthority('rude');
  trusting = createTrustingFetch(authority.certPem);
  server = await startRudeServer({
    authority,
    canary: CANARY,
    answers: {
      '/quota': { status: 429, headers: { 'Retry-After': '9' }, body: { error: 'too_many_requests' } },
      '/page': { status: 502, body: '<h1>Bad gateway</h1>' },
      '/empty': { status: 403 },
      '/cut': { body: { access_token: 'a'.repeat(1000) }, delivery: 'cut' },
      '/reset': { delivery: 'reset' },
      '/silence': { delivery: 'silence' },
    },
  });
});
after(async () => {
  await server?.stop();
  await trusting?.close();
});

const ask = (path: string, init: RequestInit = {}) => trusting.fetch(`${server.url}${path}`, init);

it('gives status, headers and members as told, and puts the canary wherever else one fits', async () => {
  const response = await ask('/quota');
  assert.equal(response.status, 429);
  assert.equal(response.headers.get('retry-after'), '9');
  for (const name of ['server', 'via', 'set-cookie', `x-${CANARY}`])
    assert.ok(response.headers.get(name)?.includes(CANARY), name);
  const { error, ...members } = (await response.json()) as Record<string, unknown>;
  assert.equal(error, 'too_many_requests');
  for (const name of ['error_description', 'error_uri', 'message', CANARY])
    assert.equal(members[name], CANARY, name);
});

it('puts it into the reason phrase', async () => {
  const phrase = await new Promise((resolve, reject) => {
    const request = httpsGet(`${server.url}/quota`, { ca: authority.certPem, agent: false }, (response) => {
      response.resume();
      resolve(response.statusMessage);
    });
    request.on('error', reject);
  });
  assert.equal(phrase, `Said ${CANARY}`);
});

it('sends a text as a page, and nothing where there is to be nothing', async () => {
  const page = await ask('/page');
  assert.match(page.headers.get('content-type') ?? '', /html/);
  assert.match(await page.text(), new RegExp(`Bad gateway.*${CANARY}`, 's'));
  const empty = await ask('/empty');
  assert.deepEqual([empty.status, await empty.text()], [403, '']);
});

it('ends in the middle, without an answer, or not at all', async () => {
  const cut = await ask('/cut');
  assert.equal(cut.status, 200);
  await assert.rejects(cut.text());
  await assert.rejects(ask('/reset'), /fetch failed/);
  await assert.rejects(ask('/silence', { signal: AbortSignal.timeout(100) }), { name: 'TimeoutError' });
  assert.equal(server.visits('/silence').length, 1);
});

it('takes another answer while it runs', async () => {
  assert.equal((await ask('/later')).status, 404);
  server.setAnswer('/later', { status: 302, headers: { location: `${server.url}/page` } });
  const response = await ask('/later', { redirect: 'manual' });
  assert.deepEqual([response.status, response.headers.get('location')], [302, `${server.url}/page`]);
});

it('tells which paths were asked for, how, and with which parameters, never their values', async () => {
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_secret: 'secret' });
  await ask('/form?query=1', { method: 'POST', body });
  await ask('/form');
  assert.deepEqual(server.visits('/form'), [
    { method: 'POST', parameters: ['grant_type', 'client_secret'] },
    { method: 'GET', parameters: [] },
  ]);
  assert.ok(server.paths.includes('/form'));
  assert.deepEqual(server.visits('/never'), []);
});

it('refuses a canary that does not fit everywhere', async () => {
  await assert.rejects(startRudeServer({ authority, canary: 'two words' }), /letters, digits/);
});
