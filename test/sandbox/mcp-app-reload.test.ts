import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { type App, startApp } from '../../sandbox/mcp-app/app.ts';
import { accept, refuse, type StubApi, startStubApi } from './stub-api.ts';

let api: StubApi;
let directory: string;
let file: string;
let app: App;
let client: Client;
let opened: string | undefined;

const now = Math.floor(Date.now() / 1_000);
const [FIRST, SECOND] = [jwt(now + 60), jwt(now + 120)] as const;

before(async () => {
  api = await startStubApi();
});
after(() => api.stop());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mcp-app-'));
  file = join(directory, 'token');
  api.tokens.length = 0;
  api.answer = accept;
  app = await startApp({
    ...{ host: '127.0.0.1', port: 0, machine: 'machine1', apiUrl: api.url },
    ...{ token: FIRST, tokenFile: file, tenantId: 'acme', tenantHeaderSecret: 'tenant-header-secret' },
  });
  client = new Client({ name: 'test', version: '0' });
  const transport = new StreamableHTTPClientTransport(new URL(`${url()}/mcp`));
  await client.connect(transport as Parameters<Client['connect']>[0]);
  opened = transport.sessionId;
});
afterEach(async () => {
  await client.close();
  await app.stop();
  await rm(directory, { recursive: true });
});

function jwt(exp: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ exp })}.signature`;
}

const url = () => `http://127.0.0.1:${app.port}`;

async function reload(token: string): Promise<void> {
  await writeFile(`${file}.next`, `${token}\n`, { mode: 0o600 });
  await rename(`${file}.next`, file);
}

async function whoami(): Promise<unknown> {
  const { structuredContent } = await client.callTool({ name: 'whoami' });
  return (structuredContent as { apiStatus: number }).apiStatus;
}

/** Refuses every token but this one. */
function only(token: string): void {
  api.answer = (response) => (api.tokens.at(-1) === token ? accept : refuse)(response);
}

test('a session that is open goes on with the token of the file, in its next call', async () => {
  assert.equal(await whoami(), 200);
  await reload(SECOND);
  only(SECOND);
  assert.equal(await whoami(), 200);
  assert.deepEqual(api.tokens, [FIRST, SECOND]);
  assert.ok(opened?.startsWith('machine1.'));
});

test('a token refused while the next one arrives is asked again with that one, once', async () => {
  api.answer = (response) => {
    if (api.tokens.at(-1) === SECOND) return accept(response);
    void reload(SECOND).then(() => refuse(response));
  };
  assert.equal(await whoami(), 200);
  assert.deepEqual(api.tokens, [FIRST, SECOND]);
});

test('a refused token with no other one to try is refused once, not hammered', async () => {
  api.answer = refuse;
  assert.equal(await whoami(), 401);
  assert.deepEqual(api.tokens, [FIRST]);
});

test('a new token that is refused too ends it', async () => {
  api.answer = (response) => void reload(SECOND).then(() => refuse(response));
  assert.equal(await whoami(), 401);
  assert.deepEqual(api.tokens, [FIRST, SECOND]);
});

test('health is about the token of the next call: 503 as soon as a refused one is put in', async () => {
  only(FIRST);
  assert.equal((await fetch(`${url()}/health`)).status, 200);
  await reload(SECOND);
  const response = await fetch(`${url()}/health`);
  assert.equal(response.status, 503);
  const { state, token } = (await response.json()) as { state: string; token: { exp: number } };
  assert.deepEqual([state, token.exp], ['refused', now + 120]);
});
