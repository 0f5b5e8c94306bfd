import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CONFIG, type FlyWorld, startFlyWorld, until } from './fixtures/fly-world.ts';

let world: FlyWorld;
before(async () => {
  world = await startFlyWorld();
});
after(() => world.stop());

type Down = 'created' | 'stopped' | 'suspended';

async function add(state: Down | 'started', config: Record<string, unknown> = CONFIG): Promise<string> {
  return `shop/machines/${await world.fly.addMachine('shop', { config, state })}`;
}

const get = async (machine: string) => (await world.call('GET', machine)).body;
const update = (machine: string, body: Record<string, unknown>) => world.call('POST', machine, { body });
const wait = (machine: string, query: string) => world.call('GET', `${machine}/wait?${query}`);
const inside = (machine: string) => {
  const found = world.fly.machines('shop').find(({ id }) => machine.endsWith(id));
  assert.ok(found);
  return found;
};

/** The environment of the machine's process, as the process itself tells it. */
async function environment(machine: string): Promise<Record<string, string>> {
  await until(async () => (await get(machine)).checks[0]?.status === 'passing');
  return (await (await fetch(`${inside(machine).url}/env`)).json()) as Record<string, string>;
}

async function settledAt(machine: string, version: string): Promise<string> {
  return (await wait(machine, `state=settled&version=${version}&timeout=10`)).body.state;
}

test('an update replaces the configuration whole: what is left out is gone, what is unknown is kept', async () => {
  const machine = await add('stopped', { ...CONFIG, metadata: { a: '1' }, mounts: [{ path: '/data' }] });
  const config = { image: 'x', metadata: { b: '2' }, of_tomorrow: { deep: [1, null] } };
  await update(machine, { config });
  assert.deepEqual((await get(machine)).config, config);
});

test('an update restarts the process under a new version id of 26 characters, with checks and events anew', async () => {
  const machine = await add('started');
  await environment(machine);
  const { pid, instanceId } = inside(machine);
  const { body } = await update(machine, { config: CONFIG });
  assert.match(body.instance_id, /^[0-9A-Z]{26}$/);
  assert.notEqual(body.instance_id, instanceId);
  assert.deepEqual(body.checks, []);
  assert.deepEqual(
    body.events.map((event: { type: string }) => event.type),
    ['update'],
  );
  await settledAt(machine, body.instance_id);
  assert.notEqual(inside(machine).pid, pid);
  assert.equal(inside(machine).updates, 1);
});

test('a machine in the middle of an update refuses another with 409 and a start with 412', async () => {
  const machine = await add('started', { ...CONFIG, env: { DEAF: '1' } });
  await environment(machine);
  assert.equal((await update(machine, { config: CONFIG })).body.state, 'replacing');
  const second = await update(machine, { config: CONFIG });
  assert.equal(second.status, 409);
  assert.match(second.body.error, /^aborted: /);
  const start = await world.call('POST', `${machine}/start`);
  assert.equal(start.status, 412);
  assert.match(start.body.error, /machine getting replaced, refusing to start/);
});

test('a process deaf to SIGINT is killed after the stop timeout', async () => {
  const config = { ...CONFIG, env: { DEAF: '1' }, stop_config: { timeout: '300ms' } };
  const machine = await add('started', config);
  await environment(machine);
  const startedMs = performance.now();
  const { body } = await update(machine, { config });
  assert.equal(await settledAt(machine, body.instance_id), 'started');
  assert.ok(performance.now() - startedMs >= 300);
});

test('an update with skip_launch leaves a started machine stopped', async () => {
  const machine = await add('started');
  const { body } = await update(machine, { config: CONFIG, skip_launch: true });
  assert.equal(await settledAt(machine, body.instance_id), 'stopped');
  assert.equal(inside(machine).pid, undefined);
});

for (const state of ['created', 'stopped', 'suspended'] as const) {
  test(`an updated machine that was ${state} ends stopped, also without skip_launch`, async () => {
    const machine = await add(state);
    const { body } = await update(machine, { config: CONFIG });
    assert.equal(await settledAt(machine, body.instance_id), 'stopped');
    assert.equal(inside(machine).pid, undefined);
  });
}
