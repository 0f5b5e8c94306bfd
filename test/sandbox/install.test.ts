import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readFile, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const INSTALL = fileURLToPath(new URL('../../sandbox/install.mjs', import.meta.url));
/** Plays npm: says what it was asked for and leaves node_modules as npm would, slowly enough to overlap. */
const FAKE_NPM = `#!/bin/sh
echo "$@" >> npm-calls
sleep 0.3
mkdir -p node_modules/.bin
cp package-lock.json node_modules/.package-lock.json
`;

interface Checkout {
  readonly root: string;
  /** Runs install.mjs there. */
  install(): Promise<{ code: number | null; output: string }>;
  /** The arguments of every npm call. */
  npmCalls(): Promise<string[]>;
  writeLock(version: string): Promise<void>;
}

async function freshCheckout(t: TestContext, npm = FAKE_NPM): Promise<Checkout> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'install-')));
  t.after(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, 'sandbox'));
  await mkdir(join(root, 'bin'));
  await copyFile(INSTALL, join(root, 'sandbox', 'install.mjs'));
  await writeExecutable(join(root, 'bin', 'npm'), npm);
  const writeLock = (version: string) => {
    const packages = {
      '': { version: '1.0.0' },
      'workspace/part': { version: '0.1.0' },
      'node_modules/a': { version, integrity: `sha512-${version}` },
    };
    return writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages }));
  };
  await writeLock('1.0.0');
  return {
    root,
    writeLock,
    install: () => run(root),
    npmCalls: async () => lines(await readFile(join(root, 'npm-calls'), 'utf8').catch(() => '')),
  };
}

async function run(root: string) {
  const child = spawn(process.execPath, [join(root, 'sandbox', 'install.mjs')], {
    env: { PATH: `${join(root, 'bin')}:/usr/bin:/bin` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, output: stdout + stderr };
}

async function writeExecutable(path: string, content: string): Promise<void> {
  await writeFile(path, content);
  await chmod(path, 0o755);
}

function lines(output: string): string[] {
  return output.split('\n').filter(Boolean);
}

/** Where install.mjs keeps the lock of a checkout. */
function lockPath(root: string): string {
  const name = createHash('sha256').update(`${root}/`).digest('hex').slice(0, 16);
  return join('/tmp', `npm-ci-${name}.lock`);
}

test('a fresh checkout is installed, saying so, and then left alone in silence', async (t) => {
  const checkout = await freshCheckout(t);
  const first = await checkout.install();
  assert.equal(first.code, 0, first.output);
  assert.match(first.output, /installing dependencies/);
  assert.match((await checkout.npmCalls()).join(), /^ci /);
  assert.deepEqual(await checkout.install(), { code: 0, output: '' });
  assert.equal((await checkout.npmCalls()).length, 1);
});

test('a changed package-lock.json is installed, a merely touched one is not', async (t) => {
  const checkout = await freshCheckout(t);
  await checkout.install();
  await utimes(join(checkout.root, 'package-lock.json'), new Date(), new Date(Date.now() + 60_000));
  await checkout.install();
  assert.equal((await checkout.npmCalls()).length, 1);
  await checkout.writeLock('1.0.1');
  await checkout.install();
  assert.equal((await checkout.npmCalls()).length, 2);
});

test('two runs at once install once', async (t) => {
  const checkout = await freshCheckout(t);
  const [one, other] = await Promise.all([checkout.install(), checkout.install()]);
  assert.deepEqual([one.code, other.code], [0, 0]);
  assert.equal((await checkout.npmCalls()).length, 1);
  assert.match(one.output + other.output, /waiting for process \d+, which is installing here/);
});

test('the lock of a run that is gone is taken over, even by two at once', async (t) => {
  const checkout = await freshCheckout(t);
  const gone = spawn('true');
  await new Promise((resolve) => gone.once('exit', resolve));
  await writeFile(lockPath(checkout.root), String(gone.pid));
  const runs = await Promise.all([checkout.install(), checkout.install()]);
  assert.deepEqual(
    runs.map(({ code }) => code),
    [0, 0],
  );
  assert.equal((await checkout.npmCalls()).length, 1);
});

test('a failing npm fails the run and the next one tries again', async (t) => {
  const checkout = await freshCheckout(t, '#!/bin/sh\necho "no network" >&2\nexit 7\n');
  const { code, output } = await checkout.install();
  assert.equal(code, 1);
  assert.match(output, /no network[\s\S]*npm ci failed \(7\)/);
  await writeExecutable(join(checkout.root, 'bin', 'npm'), FAKE_NPM);
  assert.equal((await checkout.install()).code, 0);
});

test('a node that is too old is refused with the command that brings the right one', async (t) => {
  const checkout = await freshCheckout(t);
  await checkout.install();
  const node = join(checkout.root, 'node_modules', '.bin', 'node');
  await writeExecutable(node, '#!/bin/sh\necho v22.19.0\n');
  const { code, output } = await checkout.install();
  assert.equal(code, 1);
  assert.match(output, /Node 24\.12 or newer is needed, but "node" is v22\.19\.0.*npm rebuild node/s);
});
