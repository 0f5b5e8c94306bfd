import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { type App, startApp } from '../../sandbox/mcp-app/app.ts';
import { eventually } from './eventually.ts';
import { accept, refuse, type StubApi, startStubApi } from './stub-api.ts';

let api: StubApi;
let apps: App[] = [];

before(async () => {
  api = await startStubApi();
});
after(() => api.stop());
beforeEach(() => {
  api.answer = accept;
  api.calls = 0;
});
afterEach(async () => {
  await Promise.all(apps.map((app) => app.stop()));
  apps = [];
});

function jwt(exp: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ exp })}.signature`;
}

const inAMinute = () => Math.floor(Date.now() / 1000) + 60;

async function boot(token: string, apiUrl = api.url): Promise<string> {
  const app = await startApp({
    host: '127.0.0.1',
    port: 0,
    machine: 'machine1',
    token,
    apiUrl,
    tenantId: 'acme',
    tenantHeaderSecret: 'tenant-header-secret',
  });
  apps.push(app);
  return `http://127.0.0.1:${app.port}`;
}

async function health(url: string): Promise<[number, Record<string, unknown>]> {
  const response = await fetch(`${url}/health`);
  return [response.status, (await response.json()) as Record<string, unknown>];
}

function post(url: string, message: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  });
}

async function openSession(url: string): Promise<string> {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '0' },
  };
  const response = await post(url, { id: 1, method: 'initialize', params });
  await response.text();
  return response.headers.get('mcp-session-id') ?? '';
}

function callWhoami(url: string, session: string): Promise<Response> {
  const params = { name: 'whoami', arguments: {} };
  return post(url, { id: 2, method: 'tools/call', params }, { 'mcp-session-id': session });
}

async function whoami(url: string, session: string): Promise<Record<string, unknown>> {
  const body = (await (await callWhoami(url, session)).json()) as { result: Record<string, unknown> };
  return body.result;
}

test('whoami tells the subject the API sees, and the machine that asked', async () => {
  const url = await boot(jwt(inAMinute()));
  const result = await whoami(url, await openSession(url));
  assert.equal(result.isError, false);
  assert.deepEqual(result.structuredContent, { machine: 'machine1', apiStatus: 200, sub: 'm2m@clients' });
});

test('whoami is an error result when the token is refused or the API is away', async () => {
  api.answer = refuse;
  const url = await boot(jwt(inAMinute()));
  const refused = await whoami(url, await openSession(url));
  assert.equal(refused.isError, true);
  assert.deepEqual(refused.structuredContent, { machine: 'machine1', apiStatus: 401 });
  const lonely = await boot(jwt(inAMinute()), 'http://127.0.0.1:1');
  const unanswered = await whoami(lonely, await openSession(lonely));
  assert.deepEqual(unanswered.structuredContent, { machine: 'machine1', apiStatus: 0 });
});

test('health is 200 while the API takes the token, and shows its id and expiry but not the token', async () => {
  const exp = inAMinute();
  const token = jwt(exp);
  const [status, body] = await health(await boot(token));
  const id = createHash('sha256').update(token).digest('hex').slice(0, 16);
  assert.equal(status, 200);
  assert.deepEqual(body, { machine: 'machine1', state: 'ok', token: { id, exp } });
});

test('health is 503 without a token and with an expired one, and the API is not asked', async () => {
  assert.deepEqual(await health(await boot('')), [503, { machine: 'machine1', state: 'missing' }]);
  const [status, body] = await health(await boot(jwt(Math.floor(Date.now() / 1000))));
  assert.deepEqual([status, body.state], [503, 'expired']);
  assert.equal(api.calls, 0);
});

test('health turns 503 within about a second of the API refusing the token', async () => {
  const url = await boot(jwt(inAMinute()));
  assert.equal((await health(url))[0], 200);
  api.answer = refuse;
  await eventually('503', async () => (await health(url))[0] === 503, 2000);
  assert.equal((await health(url))[1].state, 'refused');
});

test('health stays 200 while the API is away: that is no fault of the token', async () => {
  const [status, body] = await health(await boot(jwt(inAMinute()), 'http://127.0.0.1:1'));
  assert.deepEqual([status, body.state], [200, 'unreachable']);
});

test('many health probes at once cost one call of the API', async () => {
  const url = await boot(jwt(inAMinute()));
  await Promise.all(Array.from({ length: 20 }, () => health(url)));
  assert.equal(api.calls, 1);
});

test('an unknown session is a 404, so that the client opens a new one', async () => {
  const url = await boot(jwt(inAMinute()));
  const response = await callWhoami(url, 'machine1.gone');
  assert.equal(response.status, 404);
  assert.equal(response.headers.get('fly-replay'), null);
});

test("another machine's session is handed to the proxy to replay there, once", async () => {
  const url = await boot(jwt(inAMinute()));
  const foreign = await callWhoami(url, 'machine2.elsewhere');
  assert.equal(foreign.status, 404);
  assert.equal(foreign.headers.get('fly-replay'), 'prefer_instance=machine2');
  const session = { 'mcp-session-id': 'machine2.elsewhere' };
  const replayed = await post(
    url,
    { id: 2, method: 'ping' },
    { ...session, 'fly-replay-src': 'instance=machine3' },
  );
  assert.equal(replayed.status, 404);
  assert.equal(replayed.headers.get('fly-replay'), null);
});

test('there is no stream to listen on', async () => {
  const response = await fetch(`${await boot(jwt(inAMinute()))}/mcp`);
  assert.equal(response.status, 405);
  assert.equal(response.headers.get('allow'), 'POST, DELETE');
});

test('a session ended by its client is unknown from then on', async () => {
  const url = await boot(jwt(inAMinute()));
  const session = await openSession(url);
  const ended = await fetch(`${url}/mcp`, { method: 'DELETE', headers: { 'mcp-session-id': session } });
  assert.equal(ended.status, 200);
  assert.equal((await callWhoami(url, session)).status, 404);
});

test('stopping finishes the call in flight and takes no new one', async () => {
  const held = Promise.withResolvers<() => void>();
  api.answer = (response) => held.resolve(() => accept(response));
  const url = await boot(jwt(inAMinute()));
  const inFlight = callWhoami(url, await openSession(url));
  const release = await held.promise;
  const stopped = apps[0]?.stop();
  // One that comes at the very moment of the stop is still taken.
  await eventually('new calls to be refused', () =>
    fetch(`${url}/nothing`, { headers: { connection: 'close' } }).then(
      () => false,
      () => true,
    ),
  );
  release();
  const response = await inFlight;
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('connection'), 'close');
  await response.json();
  await stopped;
  apps = [];
});
