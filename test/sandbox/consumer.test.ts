import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'smol-toml';
import { consumerCommand, deployConsumer } from '../../sandbox/consumer.ts';
import { type Fly, startFly } from '../../sandbox/fly/fly.ts';
import { tokenFacts } from '../../sandbox/mcp-app/token.ts';
import { type Authority, createAuthority } from '../../sandbox/pki.ts';
import { createTrustingFetch, type TrustingFetch } from '../../sandbox/trusting-fetch.ts';
import { eventually } from './eventually.ts';

let authority: Authority;
let directory: string;
let fly: Fly;
let trusting: TrustingFetch;
let app: string;

before(async () => {
  authority = await createAuthority('test');
  directory = await mkdtemp(join(tmpdir(), 'consumer-'));
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, authority.certPem);
  trusting = createTrustingFetch(authority.certPem);
  fly = await startFly({ authority, machineCommand: consumerCommand(caFile) });
  app = await deployConsumer(fly, {
    ...{
      caPem: authority.certPem,
      apiUrl: 'https://localhost:1',
      tenantHeaderSecret: 'tenant-header-secret',
    },
    machines: 1,
  });
});
after(async () => {
  await fly.stop();
  await trusting.close();
  await rm(directory, { recursive: true });
});

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

async function tokenFile(): Promise<string> {
  const { env } = parse(await read('fly.toml')) as { env: Record<string, string> };
  return String(env.TOKEN_FILE);
}

async function shownToken(): Promise<unknown> {
  const url = fly.machines(app)[0]?.url;
  const { token } = (await (await fetch(`${url}/health`)).json()) as { token?: { id: string } };
  return token?.id;
}

test('what exec writes where fly.toml says is what the running machine uses next', async () => {
  const [machine] = fly.machines(app);
  await eventually('the machine answers', () =>
    shownToken().then(
      () => true,
      () => false,
    ),
  );
  assert.equal(await shownToken(), undefined);
  const script = 'umask 077; cat > "$1.tmp" && mv "$1.tmp" "$1"';
  const command = ['/bin/sh', '-c', script, 'sh', await tokenFile()];
  const response = await trusting.fetch(`${fly.apiUrl}/v1/apps/${app}/machines/${machine?.id}/exec`, {
    method: 'POST',
    headers: { authorization: fly.deployToken(app), 'content-type': 'application/json' },
    body: JSON.stringify({ command, stdin: 'opaque-token', timeout: 5 }),
  });
  const { exit_code } = (await response.json()) as { exit_code: number };
  assert.deepEqual([response.status, exit_code], [200, 0]);
  assert.equal(await shownToken(), tokenFacts('opaque-token').id);
  assert.equal(fly.machines(app)[0]?.pid, machine?.pid);
});

test("the image has the token file's directory, which belongs to the app's user", async () => {
  const dockerfile = await read('sandbox/mcp-app/Dockerfile');
  const [, owner, path] = /^RUN install -d -o (\w+) .* (\S+)$/m.exec(dockerfile) ?? [];
  assert.equal(path, dirname(await tokenFile()));
  assert.match(dockerfile, new RegExp(`^USER ${owner}$`, 'm'));
});
