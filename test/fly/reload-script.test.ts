import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SecretValue } from '../../src/secret-value.ts';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

const TARGET = { secretsVersion: 7, marker: 'marker' };

/** Runs here what a machine would be told to run for the file at `path`. */
async function commandFor(path: string): Promise<(input: string) => ReturnType<typeof spawnSync>> {
  using fly = new FleetDouble();
  fly.add('m1');
  const reload = { path, value: new SecretValue('') };
  await fly.app().advanceRollout(TARGET, { ...ROLLING, strategy: 'Reload', reload });
  const [[shell = '', ...args] = []] = fly.made('exec').map(({ body }) => body.command as string[]);
  return (input) => spawnSync(shell, args, { input, encoding: 'utf8' });
}

test('the command replaces the file as a whole, for its owner alone, whatever was there', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reload-'));
  try {
    const folder = join(directory, 'new folder');
    const path = join(folder, 'token');
    const run = await commandFor(path);
    assert.equal(run('first').status, 0);
    writeFileSync(`${path}.tmp`, 'left over from a crash, and longer', { mode: 0o644 });

    const { status, stdout, stderr } = run('second');

    assert.deepEqual([status, stdout, stderr], [0, '', '']);
    assert.equal(readFileSync(path, 'utf8'), 'second');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(path).uid, statSync(folder).uid);
    assert.deepEqual(readdirSync(folder), ['token']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('the command fails without a trace where it cannot write', async () => {
  const run = await commandFor('/dev/null/token');
  assert.notEqual(run('first').status, 0);
});
