import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Meddler } from '../../sandbox/fly/meddler.ts';
import { CONFIG, type FlyWorld, startFlyWorld, until } from './fixtures/fly-world.ts';

let world: FlyWorld;
let others: Meddler;
before(async () => {
  world = await startFlyWorld();
  others = world.fly.meddle('shop');
});
after(() => world.stop());

type State = 'created' | 'started' | 'stopped' | 'suspended';
const add = (state: State, config: Record<string, unknown> = CONFIG) =>
  world.fly.addMachine('shop', { config, state });
const get = async (id: string) => (await world.call('GET', `shop/machines/${id}`)).body;
const update = (id: string) => world.call('POST', `shop/machines/${id}`, { body: { config: CONFIG } });

test("somebody else's lease is 409 with the holder's name, and ends by itself or when it is cleared", async () => {
  const id = await add('stopped');
  others.holdLease(id, { ttlSeconds: 1, owner: 'deploy@tokens.fly.io' });
  const { status, body } = await update(id);
  assert.equal(status, 409);
  assert.match(body.error, /currently held by deploy@tokens.fly.io/);
  await until(async () => (await update(id)).status === 200);
  await world.fly.settled('shop');
  others.holdLease(id, { ttlSeconds: 600 });
  others.clearLeases();
  assert.equal((await update(id)).status, 200);
});

test('a clone has the configuration, the marker of its original included, and an id of its own', async () => {
  const id = await add('stopped', { ...CONFIG, metadata: { marker: 'of the original' } });
  const clone = await others.cloneMachine(id, 'stopped');
  assert.notEqual(clone, id);
  assert.deepEqual((await get(clone)).config, (await get(id)).config);
});

test('secrets written by others change the digest and no machine', async () => {
  const { body: written } = await world.call('POST', 'shop/secrets/TOKEN', { body: { value: 'ours' } });
  const id = await add('stopped');
  assert.equal(others.setSecrets({ TOKEN: 'theirs' }), written.version + 1);
  assert.notEqual((await world.call('GET', 'shop/secrets/TOKEN')).body.digest, written.digest);
  assert.equal(
    world.fly.machines('shop').find((machine) => machine.id === id)?.secretsVersion,
    written.version,
  );
});

test('the proxy wakes a machine at rest although it is leased', async () => {
  const id = await add('stopped');
  others.holdLease(id, { ttlSeconds: 60 });
  others.wake(id);
  await until(async () => (await get(id)).state === 'started');
});

test('a machine in the middle of an update is not woken', async () => {
  const id = await add('stopped');
  others.pin(id, 'replacing');
  others.wake(id);
  others.pin(id, undefined);
  assert.equal((await get(id)).state, 'stopped');
});

for (const state of [
  'creating',
  'updating',
  'replacing',
  'suspending',
  'launch_failed',
  'pending',
] as const) {
  test(`a machine stuck in ${state} refuses an update, a start and a stop, and does not settle`, async () => {
    const id = await add('stopped');
    others.pin(id, state);
    assert.equal((await get(id)).state, state);
    assert.equal((await update(id)).status, 409);
    for (const verb of ['start', 'stop']) {
      assert.equal((await world.call('POST', `shop/machines/${id}/${verb}`)).status, 412);
    }
    assert.equal((await world.call('GET', `shop/machines/${id}/wait?state=settled&timeout=1`)).status, 408);
    others.pin(id, undefined);
    assert.equal((await update(id)).status, 200);
  });
}

test('the host of a machine that does not answer leaves an incomplete configuration and refuses every change', async () => {
  const id = await add('started', { ...CONFIG, env: { A: '1' }, metadata: { colour: 'blue' } });
  others.setReachable(id, false);
  const { host_status, config, incomplete_config } = await get(id);
  assert.equal(host_status, 'unreachable');
  assert.equal(config, undefined);
  assert.deepEqual(incomplete_config, { image: CONFIG.image, metadata: { colour: 'blue' } });
  assert.equal((await update(id)).status, 503);
  assert.equal((await world.call('POST', `shop/machines/${id}/lease`)).status, 503);
  others.setReachable(id, true);
  assert.equal((await get(id)).config.env.A, '1');
  assert.equal((await update(id)).status, 200);
});

test('a crash is an exit that nobody asked for', async () => {
  const id = await add('started');
  others.crash(id);
  await until(async () => (await get(id)).state === 'failed');
  assert.equal((await get(id)).events[0].request.exit_event.requested_stop, false);
});
