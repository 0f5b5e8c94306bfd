import assert from 'node:assert/strict';
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { resolveDistribution } from '../../sandbox/keycloak/distribution.ts';

const progress = { write: () => true };

async function emptyDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'keycloak-test-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A Java that plays Keycloak's build: it writes what it was called with into the distribution. */
async function javaHome(t: TestContext): Promise<string> {
  const home = await emptyDirectory(t);
  await mkdir(join(home, 'bin'));
  const java = `#!/bin/sh
for argument; do case "$argument" in -Dkc.home.dir=*) dir="\${argument#-Dkc.home.dir=}";; esac; done
echo "$*" >> "$dir/built"\n`;
  await writeFile(join(home, 'bin', 'java'), java, { mode: 0o755 });
  return home;
}

async function unpackedKeycloak(t: TestContext): Promise<string> {
  const directory = await emptyDirectory(t);
  await writeFile(join(directory, 'version.txt'), 'Keycloak - Version 26.9.0\n');
  await mkdir(join(directory, 'data'));
  return directory;
}

async function mvn(t: TestContext, script: string): Promise<string> {
  const bin = await emptyDirectory(t);
  await writeFile(join(bin, 'mvn'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return `${bin}:/usr/bin:/bin`;
}

test('a Keycloak given by TEST_ASSET_KEYCLOAK is copied and built once, and left as it is', async (t) => {
  const given = await unpackedKeycloak(t);
  const env = { XDG_CACHE_HOME: await emptyDirectory(t), TEST_ASSET_KEYCLOAK: given };
  const options = { progress, javaHome: await javaHome(t) };
  const found = await Promise.all([resolveDistribution(env, options), resolveDistribution(env, options)]);
  const [path = ''] = found;
  assert.deepEqual(found, [path, path]);
  const builds = (await readFile(join(path, 'built'), 'utf8')).trim().split('\n');
  assert.equal(builds.length, 1);
  assert.match(builds[0] ?? '', / build .*--features=client-auth-federated,kubernetes-service-accounts/);
  assert.deepEqual((await readdir(given)).sort(), ['data', 'version.txt']);
  await assert.rejects(access(join(path, 'data')), 'what it has stored is not taken along');
});

test('a TEST_ASSET_KEYCLOAK that is no Keycloak is named in the error', async (t) => {
  const env = { XDG_CACHE_HOME: await emptyDirectory(t), TEST_ASSET_KEYCLOAK: await emptyDirectory(t) };
  const resolved = resolveDistribution(env, { progress, javaHome: '' });
  await assert.rejects(resolved, /TEST_ASSET_KEYCLOAK is .*not the directory of an unpacked Keycloak/);
});

test('without Maven the message says what to install and what to set instead', async (t) => {
  const env = { XDG_CACHE_HOME: await emptyDirectory(t), PATH: await emptyDirectory(t) };
  const resolved = resolveDistribution(env, { progress, javaHome: '' });
  await assert.rejects(resolved, /no "mvn" on PATH: install Maven.*TEST_ASSET_KEYCLOAK/);
});

test('another file than the one we know is refused and does not stay', async (t) => {
  const cache = await emptyDirectory(t);
  const script = `
for argument; do case "$argument" in -DoutputDirectory=*) out="\${argument#-DoutputDirectory=}";; esac; done
mkdir "$out/keycloak-26.7.3" && echo evil > "$out/keycloak-quarkus-dist-26.7.3.zip"`;
  const env = { XDG_CACHE_HOME: cache, PATH: await mvn(t, script) };
  const options = { progress, javaHome: await javaHome(t) };
  await assert.rejects(resolveDistribution(env, options), /is not the file it should be \(SHA-512\)/);
  const [place = ''] = await readdir(join(cache, 'tokenbinding-controller'));
  assert.deepEqual(await readdir(join(cache, 'tokenbinding-controller', place)), []);
});

test('what Maven says about a failure is in the message, how far it was is not', async (t) => {
  const script = "printf 'Progress (1): 3.1/177 MB\\r'; echo 'Connection refused'; exit 1";
  const env = { XDG_CACHE_HOME: await emptyDirectory(t), PATH: await mvn(t, script) };
  await assert.rejects(resolveDistribution(env, { progress, javaHome: '' }), {
    message: 'fetching keycloak-quarkus-dist 26.7.3 with Maven failed (1):\nConnection refused',
  });
});
