import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { before, test } from 'node:test';
import { type Binaries, resolveBinaries, startControlPlane } from '../../sandbox/control-plane/index.ts';
import { until } from '../support/until.ts';

const CONTROL_PLANE = new URL('../../sandbox/control-plane/index.ts', import.meta.url).href;

let binaries: Binaries;
before(async () => {
  binaries = await resolveBinaries(process.env, { progress: process.stderr });
});

function processesIn(directory: string): string[] {
  const lines = execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line.includes(directory));
}

test('stop leaves no process and no file', async () => {
  const plane = await startControlPlane({ binaries });
  const directory = dirname(plane.adminKubeconfig);
  assert.equal(processesIn(directory).length, 3);
  await plane.stop();
  assert.deepEqual(processesIn(directory), []);
  assert.equal(existsSync(directory), false);
});

test('nothing is left when the process that started it is killed', async () => {
  const script = `
    import { startControlPlane } from '${CONTROL_PLANE}';
    const plane = await startControlPlane({ binaries: ${JSON.stringify(binaries)} });
    console.log(plane.adminKubeconfig);
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(owner.stdout, 'data');
  const directory = dirname(String(line).trim());
  assert.equal(processesIn(directory).length, 3);
  owner.kill('SIGKILL');
  await until(() => processesIn(directory).length === 0, 'the processes end');
  await until(() => !existsSync(directory), 'the directory goes');
});

test('a server that cannot start is reported with its last words, and nothing is left', async () => {
  const options = { binaries, apiServerFlags: ['--no-such-flag'] };
  await assert.rejects(startControlPlane(options), /kube-apiserver ended before it was ready.*no-such-flag/s);
});
