import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { USUAL_BEHAVIOUR } from '../../sandbox/fly/behaviour.ts';
import { CONFIG, type FlyWorld, startFlyWorld, until } from './fixtures/fly-world.ts';

let world: FlyWorld;
before(async () => {
  world = await startFlyWorld();
});
after(() => world.stop());
afterEach(() => Object.assign(world.fly.behaviour, USUAL_BEHAVIOUR));

type State = 'created' | 'started' | 'stopped' | 'suspended';
const add = async (state: State) =>
  `shop/machines/${await world.fly.addMachine('shop', { config: CONFIG, state })}`;
const get = async (machine: string) => (await world.call('GET', machine)).body;
const update = (machine: string, body: Record<string, unknown> = {}) =>
  world.call('POST', machine, { body: { config: CONFIG, ...body } });
const setToken = (value: string) => world.call('POST', 'shop/secrets/TOKEN', { body: { value } });
const secretsOf = (machine: string) =>
  world.fly.machines('shop').find(({ id }) => machine.endsWith(id))?.secretsVersion;
const settle = (machine: string) => world.call('GET', `${machine}/wait?state=settled&timeout=10`);

test('the version of a write goes by either of its names or by both', async () => {
  const names = async () => Object.keys((await setToken('x')).body).filter((name) => /version/i.test(name));
  assert.deepEqual(await names(), ['version', 'Version']);
  world.fly.behaviour.versionSpelling = 'deprecated';
  assert.deepEqual(await names(), ['Version']);
  world.fly.behaviour.versionSpelling = 'current';
  assert.deepEqual(await names(), ['version']);
});

test('a write that changes nothing may leave the version', async () => {
  const { version } = (await setToken('same')).body;
  assert.equal((await setToken('same')).body.version, version + 1);
  world.fly.behaviour.equalWriteRaisesVersion = false;
  assert.equal((await setToken('same')).body.version, version + 1);
  assert.equal((await setToken('another')).body.version, version + 2);
});

test('a vault that lags refuses the new floor with 412, and gives the older secrets without one', async () => {
  const older = (await setToken('older')).body.version;
  const [asked, unasked] = [await add('stopped'), await add('stopped')];
  world.fly.behaviour.vaultLagMs = 500;
  const { version } = (await setToken('newer')).body;
  assert.equal((await update(asked, { min_secrets_version: version })).status, 412);
  assert.equal((await update(unasked)).status, 200);
  assert.equal(secretsOf(unasked), older);
  await until(async () => (await update(asked, { min_secrets_version: version })).status === 200);
  assert.equal(secretsOf(asked), version);
});

test('a mismatch of current_version is 412 or 409', async () => {
  const machine = await add('stopped');
  const status = async () => (await update(machine, { current_version: 'another' })).status;
  assert.equal(await status(), 412);
  world.fly.behaviour.versionMismatchStatus = 409;
  assert.equal(await status(), 409);
});

test('the conflict over a lease has one body or the other at every endpoint', async () => {
  const machine = await add('stopped');
  await world.call('POST', `${machine}/lease`);
  const bodies = async () => [
    (await world.call('POST', `${machine}/lease`)).body,
    (await update(machine)).body,
  ];
  world.fly.behaviour.leaseConflictBody = 'envelope';
  for (const { status, code } of await bodies()) assert.deepEqual([status, code], ['error', 'invalid']);
  world.fly.behaviour.leaseConflictBody = 'error';
  for (const { error } of await bodies()) assert.match(error, /^aborted: machine ID/);
});

test('a lease takes its time to live from the query only, or from the body only', async () => {
  const lifetime = async (leaseTtlFrom: 'query' | 'body') => {
    world.fly.behaviour.leaseTtlFrom = leaseTtlFrom;
    const { data } = (
      await world.call('POST', `${await add('stopped')}/lease?ttl=1000`, { body: { ttl: 5000 } })
    ).body;
    return data.expires_at - Date.now() / 1_000;
  };
  assert.ok((await lifetime('query')) < 1_001);
  assert.ok((await lifetime('body')) > 4_900);
});

test('a start while the machine is replaced may be accepted and dropped', async () => {
  const machine = await add('stopped');
  world.fly.behaviour.startWhileReplacing = 'dropped';
  world.fly.meddle('shop').pin(machine.slice(-14), 'replacing');
  assert.equal((await world.call('POST', `${machine}/start`)).status, 200);
  world.fly.meddle('shop').pin(machine.slice(-14), undefined);
  assert.equal((await get(machine)).state, 'stopped');
});

test('a start may bring the newest secrets', async () => {
  const machine = await add('stopped');
  const { version } = (await setToken('newest')).body;
  world.fly.behaviour.startTakesNewSecrets = true;
  await world.call('POST', `${machine}/start`);
  await settle(machine);
  assert.equal(secretsOf(machine), version);
});

test('an update without skip_launch may wake a machine at rest; with it, never', async () => {
  world.fly.behaviour.updateStartsResting = true;
  const [woken, left] = [await add('stopped'), await add('stopped')];
  await update(woken);
  await update(left, { skip_launch: true });
  assert.equal((await settle(woken)).body.state, 'started');
  assert.equal((await settle(left)).body.state, 'stopped');
});

test('after an update, reads and waits may still see the version before', async () => {
  const machine = await add('started');
  const { instance_id } = await get(machine);
  world.fly.behaviour.updateLagMs = 1_000;
  const { body: updated } = await update(machine);
  assert.notEqual(updated.instance_id, instance_id);
  assert.deepEqual((({ state, instance_id }) => ({ state, instance_id }))(await get(machine)), {
    state: 'started',
    instance_id,
  });
  const { body } = await world.call('GET', `${machine}/wait?state=started&timeout=5`);
  assert.equal(body.version, instance_id);
  await world.call('GET', `${machine}/wait?state=settled&version=${updated.instance_id}&timeout=10`);
  assert.equal((await get(machine)).instance_id, updated.instance_id);
});

test('a machine just created may be unknown for a while', async () => {
  world.fly.behaviour.createLagMs = 300;
  const { body } = await world.call('POST', 'shop/machines', { body: { config: CONFIG, skip_launch: true } });
  assert.equal((await world.call('GET', `shop/machines/${body.id}`)).status, 404);
  await until(async () => (await world.call('GET', `shop/machines/${body.id}`)).status === 200);
});

test('a destroyed machine may show as destroyed before it is 404', async () => {
  world.fly.behaviour.destroyedVisibleMs = 600;
  const machine = await add('stopped');
  await world.call('DELETE', machine);
  await until(async () => (await get(machine)).state === 'destroyed');
  const listed = async (query = '') =>
    (await world.call('GET', `shop/machines${query}`)).body.some(({ id }: { id: string }) =>
      machine.endsWith(id),
    );
  assert.equal(await listed(), false);
  assert.equal(await listed('?include_deleted=true'), true);
  assert.equal((await update(machine)).status, 404);
  await until(async () => (await world.call('GET', machine)).status === 404);
});

test('a machine that is up may show a check that nobody configured', async () => {
  world.fly.behaviour.inventsCheck = true;
  const names = async (machine: string) =>
    (await get(machine)).checks.map(({ name }: { name: string }) => name);
  assert.ok((await names(await add('started'))).includes('bg_deployments_compat'));
  assert.deepEqual(await names(await add('stopped')), []);
});
