import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { resolveBinaries } from '../../sandbox/control-plane/binaries.ts';
import type { Build } from '../../sandbox/control-plane/cache.ts';
import type { Tool } from '../../sandbox/control-plane/tools.ts';

const BINARIES = new URL('../../sandbox/control-plane/binaries.ts', import.meta.url).href;
const SHORTEST_STALE_MS = 2000;
const NAMES = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'helm'];

async function emptyDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'binaries-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A build that takes a moment and writes down which programs it made. */
function recordingBuild(built: string[]): Build<Tool> {
  return async (tool, { directory }) => {
    built.push(tool.name);
    await delay(50);
    await writeExecutable(join(directory, tool.name));
  };
}

async function writeExecutable(path: string): Promise<void> {
  await writeFile(path, '#!/bin/sh\n');
  await chmod(path, 0o755);
}

function screen() {
  const shown: string[] = [];
  return { shown, write: (text: string) => shown.push(text) };
}

test('every program is built once and then found in the cache', async (t) => {
  const env = { XDG_CACHE_HOME: await emptyDirectory(t) };
  const built: string[] = [];
  const progress = screen();
  const first = await resolveBinaries(env, { progress, build: recordingBuild(built) });
  const shownByFirst = progress.shown.length;
  const second = await resolveBinaries(env, { progress, build: recordingBuild(built) });
  assert.deepEqual(built, NAMES);
  assert.deepEqual(second, first);
  assert.match(first.etcd, /tokenbinding-controller\/etcd-v3\.6\.16-[a-z0-9]+-[a-z0-9]+\/etcd$/);
  assert.ok(shownByFirst >= 2 * NAMES.length, 'the start and the end of each build are shown');
  assert.equal(progress.shown.length, shownByFirst, 'a cached program is found in silence');
});

test('what is not needed is not built', async (t) => {
  const env = { XDG_CACHE_HOME: await emptyDirectory(t) };
  const built: string[] = [];
  await resolveBinaries(env, { progress: screen(), build: recordingBuild(built), only: ['kubectl'] });
  assert.deepEqual(built, ['kubectl']);
});

test('two runs that start at once build every program once', async (t) => {
  const env = { XDG_CACHE_HOME: await emptyDirectory(t) };
  const built: string[] = [];
  const progress = screen();
  const options = { progress, build: recordingBuild(built) };
  const [one, other] = await Promise.all([resolveBinaries(env, options), resolveBinaries(env, options)]);
  assert.deepEqual(built, NAMES);
  assert.deepEqual(one, other);
  assert.match(progress.shown.join(''), /waiting for another run that builds etcd/);
});

test('what a killed build leaves behind is cleared away and its lock taken over', async (t) => {
  const cache = await emptyDirectory(t);
  const script = `
    import { resolveBinaries } from '${BINARIES}';
    const build = () => new Promise(() => { console.log('building'); setInterval(() => {}, 1000); });
    await resolveBinaries({ XDG_CACHE_HOME: ${JSON.stringify(cache)} }, { progress: { write() {} }, build });`;
  const killed = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(killed.stdout, 'data');
  killed.kill('SIGKILL');
  await once(killed, 'exit');

  const built: string[] = [];
  const options = { progress: screen(), build: recordingBuild(built), lockStaleMs: SHORTEST_STALE_MS };
  const binaries = await resolveBinaries({ XDG_CACHE_HOME: cache }, options);
  assert.deepEqual(built, NAMES);
  assert.deepEqual(await readdir(dirname(binaries.etcd)), ['etcd']);
});

test('a failed build rejects, leaves nothing and does not stand in the way of the next', async (t) => {
  const env = { XDG_CACHE_HOME: await emptyDirectory(t) };
  const progress = screen();
  const failing: Build<Tool> = async (_tool, { directory }) => {
    await writeFile(join(directory, 'object file'), 'half');
    throw new Error('the compiler gave up');
  };
  await assert.rejects(resolveBinaries(env, { progress, build: failing }), /the compiler gave up/);
  assert.match(progress.shown.join(''), /building etcd v3\.6\.16.* · failed/);
  const binaries = await resolveBinaries(env, { progress, build: recordingBuild([]) });
  assert.deepEqual(await readdir(dirname(binaries.etcd)), ['etcd']);
});

test('without Go the message says what to install and what to set instead', async (t) => {
  const env = { XDG_CACHE_HOME: await emptyDirectory(t), PATH: await emptyDirectory(t) };
  await assert.rejects(resolveBinaries(env, { progress: screen() }), /no "go" on PATH.*KUBEBUILDER_ASSETS/);
});

test('what Go says about a failed build is in the message', async (t) => {
  const directory = await emptyDirectory(t);
  const go = join(directory, 'go');
  await writeFile(go, '#!/bin/sh\necho "some/package" >&2\necho "disk full" >&2\nexit 3\n');
  await chmod(go, 0o755);
  const env = { XDG_CACHE_HOME: await emptyDirectory(t), PATH: `${directory}:/usr/bin:/bin` };
  const failure = /^go build of etcd v3\.6\.16 failed \(3\):\ndisk full$/;
  await assert.rejects(resolveBinaries(env, { progress: screen() }), { message: failure });
});

test('a process that does nothing but wait for Go sees every build through', async (t) => {
  const [bin, cache] = [await emptyDirectory(t), await emptyDirectory(t)];
  // Plays Go: the argument after -o names the executable to make.
  const go = '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\nexec 2>&-\nsleep 0.3\ncp /bin/sh "$2"\n';
  await writeFile(join(bin, 'go'), go, { mode: 0o755 });
  const env = { XDG_CACHE_HOME: cache, PATH: `${bin}:/usr/bin:/bin` };
  const script = `
    import { resolveBinaries } from '${BINARIES}';
    await resolveBinaries(${JSON.stringify(env)}, { progress: { write() {} } });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  assert.equal((await readdir(join(cache, 'tokenbinding-controller'))).length, NAMES.length);
});

test('TEST_ASSET_<NAME> wins over KUBEBUILDER_ASSETS, which wins over a build', async (t) => {
  const assets = await emptyDirectory(t);
  const own = join(assets, 'my apiserver');
  await writeExecutable(own);
  for (const name of ['kube-apiserver', 'kubectl']) await writeExecutable(join(assets, name));
  const built: string[] = [];
  const env = {
    XDG_CACHE_HOME: await emptyDirectory(t),
    KUBEBUILDER_ASSETS: assets,
    TEST_ASSET_KUBE_APISERVER: own,
  };
  const binaries = await resolveBinaries(env, { progress: screen(), build: recordingBuild(built) });
  assert.equal(binaries['kube-apiserver'], own);
  assert.equal(binaries.kubectl, join(assets, 'kubectl'));
  assert.deepEqual(built, ['etcd', 'kube-controller-manager', 'helm']);
});

test('a TEST_ASSET_<NAME> that is no executable file is named in the error', async (t) => {
  const path = join(await emptyDirectory(t), 'etcd');
  const resolved = () => resolveBinaries({ TEST_ASSET_ETCD: path }, { progress: screen() });
  await assert.rejects(resolved(), /TEST_ASSET_ETCD is .*not an executable file/);
  await writeFile(path, 'text');
  await assert.rejects(resolved(), /TEST_ASSET_ETCD is .*not an executable file/);
  assert.equal(await readFile(path, 'utf8'), 'text');
});
