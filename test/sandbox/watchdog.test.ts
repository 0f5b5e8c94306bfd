import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startWatchdog } from '../../sandbox/watchdog/watchdog.ts';
import { until } from '../support/until.ts';

const WATCHDOG = new URL('../../sandbox/watchdog/watchdog.ts', import.meta.url).href;
/** A shell with a child of its own, so that a kill of the shell alone would leave something. */
const FAMILY = ['-c', 'sleep 600 & wait'];

function processesOfGroup(id: number): string[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pgid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line.trim().startsWith(`${id} `) && !/^\s*\d+\s+Z/.test(line));
}

/** A process that guards a family and a directory, says so, and then does `then`. */
function startOwner(directory: string, then: string): ChildProcess {
  const script = `
    import { startWatchdog } from '${WATCHDOG}';
    const watchdog = startWatchdog();
    watchdog.removeLater(${JSON.stringify(directory)});
    const child = watchdog.spawn('sh', ${JSON.stringify(FAMILY)}, { stdio: 'ignore' });
    console.log(child.pid);
    ${then}`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function familyOf(owner: ChildProcess): Promise<number> {
  assert.ok(owner.stdout);
  const [output] = await once(owner.stdout, 'data');
  return Number(String(output).trim());
}

for (const [ending, then] of [
  ['is killed', 'setInterval(() => {}, 1000)'],
  ['ends by itself', ''],
  ['fails', 'setTimeout(() => { process.exit(1) }, 50)'],
] as const) {
  test(`nothing is left of a process that ${ending}`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'watchdog-'));
    t.after(() => rm(directory, { recursive: true, force: true }));
    await writeFile(join(directory, 'file'), 'content');
    const owner = startOwner(directory, then);
    const family = await familyOf(owner);
    if (ending === 'is killed') owner.kill('SIGKILL');
    await until(() => processesOfGroup(family).length === 0, 'guarded processes end');
    await until(() => !existsSync(directory), 'the guarded directory goes');
  });
}

test('stop ends the guarded processes and removes the directories before it resolves', async () => {
  const watchdog = startWatchdog();
  const directory = await mkdtemp(join(tmpdir(), 'watchdog-'));
  watchdog.removeLater(directory);
  const child = watchdog.spawn('sh', FAMILY, { stdio: 'ignore' });
  assert.ok(child.pid);
  await until(() => processesOfGroup(child.pid ?? 0).length === 2, 'the family is complete');
  await watchdog.stop();
  assert.equal(existsSync(directory), false);
  await until(() => processesOfGroup(child.pid ?? 0).length === 0, 'the family is gone');
});

test('a child that ended by itself is not missed at stop', async () => {
  const watchdog = startWatchdog();
  const child = watchdog.spawn('true', [], { stdio: 'ignore' });
  child.ref();
  await once(child, 'exit');
  await watchdog.stop();
});

test('a command that does not exist is reported by its error event', async (t) => {
  const watchdog = startWatchdog();
  t.after(() => watchdog.stop());
  const [error] = await once(watchdog.spawn('no-such-command', []), 'error');
  assert.equal(error.code, 'ENOENT');
});
