import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decodeJwt } from 'jose';
import { type Api, startApi } from '../../sandbox/api/api.ts';
import { type Issuer, startIssuer } from '../../sandbox/issuer/issuer.ts';
import { createAuthority } from '../../sandbox/pki.ts';
import { createTrustingFetch, type TrustingFetch } from '../../sandbox/trusting-fetch.ts';

const MAIN = fileURLToPath(new URL('../../sandbox/mcp-app/main.ts', import.meta.url));
const AUDIENCE = 'https://api.test';
const TENANT_SECRET = 'tenant-header-secret';

let directory: string;
let issuer: Issuer;
let api: Api;
let trusting: TrustingFetch;
let machine: ChildProcess | undefined;

before(async () => {
  const authority = await createAuthority('test');
  directory = await mkdtemp(join(tmpdir(), 'mcp-app-'));
  await writeFile(join(directory, 'ca.pem'), authority.certPem);
  trusting = createTrustingFetch(authority.certPem);
  issuer = await startIssuer({
    authority,
    audiences: [AUDIENCE],
    tokenLifetimeSeconds: 60,
    clients: [{ id: 'm2m', secret: 'right' }],
  });
  api = await startApi({
    authority,
    issuer: issuer.url,
    audience: AUDIENCE,
    jwksUrl: issuer.jwksUrl,
    caPem: authority.certPem,
    tenantHeaderSecret: TENANT_SECRET,
  });
});
afterEach(async () => {
  if (machine?.exitCode === null) {
    machine.kill('SIGKILL');
    await once(machine, 'exit');
  }
});
after(async () => {
  await api.stop();
  await issuer.stop();
  await trusting.close();
  await rm(directory, { recursive: true });
});

async function issue(): Promise<string> {
  const form = {
    grant_type: 'client_credentials',
    client_id: 'm2m',
    client_secret: 'right',
    audience: AUDIENCE,
  };
  const response = await trusting.fetch(`${issuer.url}oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

function start(env: Record<string, string>): ChildProcess & { lines: AsyncIterator<string> } {
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  machine = child;
  return Object.assign(child, { lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() });
}

async function boot(token: string, more: Record<string, string> = {}) {
  const child = start({
    PORT: '0',
    TOOLBRIDGE_JWT_TOKEN: token,
    TOOLBRIDGE_API_URL: api.url,
    TENANT_HEADER_SECRET: TENANT_SECRET,
    TENANT_ID: 'acme',
    FLY_MACHINE_ID: 'machine1',
    NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem'),
    ...more,
  });
  const line = await child.lines.next();
  const { port } = JSON.parse(String(line.value)) as { port: number };
  return { child, health: () => fetch(`http://127.0.0.1:${port}/health`) };
}

test('a machine serves with the token of its environment, on the real API', async () => {
  const token = await issue();
  const { health } = await boot(token);
  const response = await health();
  assert.equal(response.status, 200);
  const body = (await response.json()) as { machine: string; state: string; token: { exp: number } };
  assert.deepEqual([body.machine, body.state], ['machine1', 'ok']);
  assert.equal(body.token.exp, decodeJwt(token).exp);
  assert.deepEqual(api.calls.get(String(decodeJwt(token).jti)), { accepted: 1, refused: {} });
});

test('a machine whose token the API refuses fails its health', async () => {
  const token = await issue();
  api.refuse(String(decodeJwt(token).jti));
  const { health } = await boot(token);
  assert.equal((await health()).status, 503);
});

test('the token of TOKEN_FILE takes over without a restart; the log tells its expiry, never the token', async () => {
  const [first, second] = [await issue(), await issue()];
  const file = join(directory, 'token');
  const { child, health } = await boot(first, { TOKEN_FILE: file });
  await (await health()).text();
  await writeFile(file, second);
  assert.equal((await health()).status, 200);
  assert.equal(api.calls.get(String(decodeJwt(second).jti))?.accepted, 1);
  const notes = [await child.lines.next(), await child.lines.next()].map(({ value }) => String(value));
  assert.deepEqual(
    notes.map((line) => JSON.parse(line)).map(({ event, from, exp }) => [event, from, exp]),
    [
      ['token', 'environment', decodeJwt(first).exp],
      ['token', 'file', decodeJwt(second).exp],
    ],
  );
  for (const token of [first, second]) assert.ok(!notes.join().includes(token));
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends it with exit code 0 and the token in no line of its output`, async () => {
    const token = await issue();
    const { child, health } = await boot(token);
    await (await health()).text();
    child.kill(signal);
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
    const rest: string[] = [];
    for (let line = await child.lines.next(); !line.done; line = await child.lines.next())
      rest.push(line.value);
    assert.match(rest.join('\n'), /stopping/);
    assert.ok(!rest.join('\n').includes(token));
  });
}

test('a missing setting is named, all of them together', async () => {
  const child = start({ TENANT_ID: 'acme' });
  let text = '';
  child.stderr?.on('data', (chunk) => {
    text += chunk;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 1);
  assert.match(text, /TOOLBRIDGE_API_URL, TENANT_HEADER_SECRET/);
});
