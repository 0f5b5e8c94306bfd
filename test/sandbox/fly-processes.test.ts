import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CONFIG, startFlyWorld, until } from './fixtures/fly-world.ts';

const DEAF = { ...CONFIG, env: { DEAF: '1' }, stop_config: { timeout: '60s' } };

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('after stop no machine runs, neither one that ignores signals nor one in the middle of an update', async () => {
  const world = await startFlyWorld();
  const ids = [await world.fly.addMachine('shop', { config: DEAF, state: 'started' })];
  ids.push(await world.fly.addMachine('shop', { config: DEAF, state: 'started' }));
  await until(() => world.fly.machines('shop').every(({ checks }) => checks[0]?.status === 'passing'));
  const pids = world.fly.machines('shop').map(({ pid }) => Number(pid));
  await world.call('POST', `shop/machines/${ids[0]}`, { body: { config: CONFIG } });
  await world.stop();
  assert.deepEqual(pids.filter(alive), []);
});

test('a program that cannot be started leaves its machine failed', async () => {
  const machineCommand = () => ({ command: '/no/such/program', args: [], env: {} });
  const world = await startFlyWorld({ machineCommand });
  try {
    await world.fly.addMachine('shop', { config: CONFIG, state: 'started' });
    await until(() => world.fly.machines('shop')[0]?.state === 'failed');
  } finally {
    await world.stop();
  }
});

test('machines end with the process that runs the look-alike, even when that is killed', async () => {
  const program = fileURLToPath(new URL('fixtures/lone-machine.ts', import.meta.url));
  const parent = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(parent.stdout, 'data');
  const pid = Number(line);
  assert.ok(alive(pid));
  parent.kill('SIGKILL');
  await until(() => !alive(pid));
});

test('what a program prints reaches the one who asked for it', async () => {
  const heard: string[] = [];
  const machineCommand = () => ({ command: process.execPath, args: ['-p', '"hello"'], env: {} });
  const world = await startFlyWorld({
    machineCommand,
    onOutput: (id, text) => heard.push(`${id} ${text.trim()}`),
  });
  try {
    const id = await world.fly.addMachine('shop', { config: CONFIG, state: 'started' });
    await until(() => heard.includes(`${id} hello`));
  } finally {
    await world.stop();
  }
});
