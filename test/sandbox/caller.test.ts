import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { type Caller, startCaller } from '../../sandbox/caller.ts';
import { type App, startApp } from '../../sandbox/mcp-app/app.ts';
import { eventually } from './eventually.ts';
import { accept, refuse, type StubApi, startStubApi } from './stub-api.ts';

let api: StubApi;
let app: App;
let caller: Caller;

function boot(port = 0): Promise<App> {
  return startApp({
    host: '127.0.0.1',
    port,
    machine: 'machine1',
    token: 'opaque',
    apiUrl: api.url,
    tenantId: 'acme',
    tenantHeaderSecret: 'tenant-header-secret',
  });
}

before(async () => {
  api = await startStubApi();
});
after(() => api.stop());
beforeEach(async () => {
  api.answer = accept;
  app = await boot();
  caller = startCaller({ url: `http://127.0.0.1:${app.port}/mcp`, sessions: 2, pauseMs: 5 });
});
afterEach(async () => {
  await caller.stop();
  await app.stop();
});

test('it keeps calling, and every good answer counts', async () => {
  await eventually('20 good calls', () => caller.counts.ok >= 20);
  assert.deepEqual({ ...caller.counts, ok: 0 }, { ok: 0, refused: 0, reopened: 0, failed: 0 });
});

test('a refused token counts as that and as nothing else', async () => {
  await eventually('a good call', () => caller.counts.ok > 0);
  api.answer = refuse;
  await eventually('refusals', () => caller.counts.refused >= 5);
  assert.equal(caller.counts.failed, 0);
});

test('an API in trouble counts as failed, with the status as the reason', async () => {
  api.answer = (response) => response.writeHead(503).end();
  await eventually('failures', () => caller.counts.failed >= 2);
  assert.equal(caller.counts.refused, 0);
  assert.equal(caller.lastFailure(), 'whoami: API status 503');
});

test('a server that restarted gets new sessions, and the calls go on', async () => {
  await eventually('a call of each session', () => caller.counts.ok >= 4);
  const { port } = app;
  await app.stop();
  await eventually('calls to fail', () => caller.counts.failed >= 2);
  app = await boot(port);
  await eventually('both sessions opened anew', () => caller.counts.reopened === 2);
  const { ok } = caller.counts;
  await eventually('good calls again', () => caller.counts.ok >= ok + 4);
  assert.equal(caller.counts.reopened, 2);
});

test('after stop it calls no more', async () => {
  await eventually('a good call', () => caller.counts.ok > 0);
  await caller.stop();
  // A call that was broken off may still be under way in the app; a caller at work would call again and again.
  await eventually('the calls to stand still', async () => {
    const calls = api.calls;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return api.calls === calls;
  });
});

test('every session holds a stream open, and one that the server ends counts as cut', async () => {
  await eventually('two streams', () => caller.streams.opened === 2);
  assert.equal(caller.streams.cut, 0);
  await app.stop();
  await eventually('both to be cut', () => caller.streams.cut === 2);
  app = await boot();
});
