import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CONFIG, type FlyWorld, startFlyWorld, until } from './fixtures/fly-world.ts';

let world: FlyWorld;
let machine: string;
before(async () => {
  world = await startFlyWorld();
  machine = `shop/machines/${await world.fly.addMachine('shop', { config: CONFIG, state: 'started' })}`;
});
after(() => world.stop());

const inside = () => world.fly.machines('shop')[0];

test('a suspended machine resumes as the same process, and its checks begin anew', async () => {
  await until(() => inside()?.checks[0]?.status === 'passing');
  const pid = inside()?.pid;
  await world.call('POST', `${machine}/suspend`);
  await world.fly.settled('shop');
  assert.equal(inside()?.state, 'suspended');
  assert.equal(inside()?.url, undefined);
  assert.deepEqual(inside()?.checks, []);
  await world.call('POST', `${machine}/start`);
  await until(() => inside()?.checks[0]?.status === 'passing');
  assert.equal(inside()?.pid, pid);
});

test('an update of a suspended machine ends the process in its snapshot', async () => {
  const pid = Number(inside()?.pid);
  await world.call('POST', `${machine}/suspend`);
  await world.fly.settled('shop');
  await world.call('POST', machine, { body: { config: CONFIG } });
  await world.fly.settled('shop');
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  await world.call('POST', `${machine}/start`);
  await until(() => inside()?.checks[0]?.status === 'passing');
  assert.notEqual(inside()?.pid, pid);
});
