import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { CONFIG, type FlyWorld, startFlyWorld, until } from './fixtures/fly-world.ts';

const PATH = '/run/secrets/token';
const WRITE = 'mkdir -p "$(dirname "$1")" && cat > "$1.tmp" && mv "$1.tmp" "$1"';

/** Where each machine finds `PATH` on this computer. */
const files = new Map<string, string>();
let world: FlyWorld;
before(async () => {
  const { pathname } = new URL('fixtures/machine.ts', import.meta.url);
  world = await startFlyWorld({
    machineCommand: ({ machineId, env, locate }) => {
      files.set(machineId, locate(PATH));
      return { command: process.execPath, args: [pathname], env };
    },
  });
});
after(() => world.stop());

const add = () => world.fly.addMachine('shop', { config: CONFIG, state: 'started' });
const exec = (id: string, body: Record<string, unknown>) =>
  world.call('POST', `shop/machines/${id}/exec`, { body });

test('a file written by exec is where the program of the same machine looks for it, and in no other machine', async () => {
  const [one, other] = [await add(), await add()];
  await exec(one, { command: ['sh', '-c', WRITE, 'sh', PATH], stdin: 'fresh' });
  assert.equal(await readFile(String(files.get(one)), 'utf8'), 'fresh');
  await assert.rejects(readFile(String(files.get(other)), 'utf8'), { code: 'ENOENT' });
});

test('a program that is not there is exit code 127', async () => {
  const { status, body } = await exec(await add(), { command: ['no-such-program'] });
  assert.equal(status, 200);
  assert.equal(body.exit_code, 127);
});

test('a command at its timeout is killed with all that it started, and answered 408', async () => {
  const id = await add();
  const { status } = await exec(id, { command: ['sh', '-c', 'sleep 60 & echo $! >pid; wait'], timeout: 1 });
  assert.equal(status, 408);
  const { body } = await exec(id, { command: ['cat', 'pid'] });
  await until(() => !isAlive(Number(body.stdout)));
});

test('a command ends with the machine that it runs in', async () => {
  const id = await add();
  const running = exec(id, { command: ['sh', '-c', 'touch running; sleep 60'] });
  await until(async () => (await exec(id, { command: ['test', '-e', 'running'] })).body.exit_code === 0);
  await world.call('POST', `shop/machines/${id}/stop`);
  assert.ok((await running).status >= 400);
});

test('the root directories are gone when the look-alike has stopped', async () => {
  const id = await add();
  const { body } = await exec(id, { command: ['pwd'] });
  const root = body.stdout.trim();
  assert.ok((await stat(root)).isDirectory());
  await world.stop();
  await assert.rejects(stat(root), { code: 'ENOENT' });
  world = await startFlyWorld();
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
