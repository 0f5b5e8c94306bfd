import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CONFIG, type FlyWorld, startFlyWorld, until } from './fixtures/fly-world.ts';

let world: FlyWorld;
before(async () => {
  world = await startFlyWorld();
});
after(() => world.stop());

async function add(state: 'started' | 'stopped', config: Record<string, unknown> = CONFIG): Promise<string> {
  return `shop/machines/${await world.fly.addMachine('shop', { config, state })}`;
}

const get = async (machine: string) => (await world.call('GET', machine)).body;
const wait = (machine: string, query: string) => world.call('GET', `${machine}/wait?${query}`);
const addressOf = (machine: string) => world.fly.machines('shop').find(({ id }) => machine.endsWith(id))?.url;

test('wait answers at once when the machine is there already, naming state, version and event', async () => {
  const machine = await add('started');
  const { instance_id } = await get(machine);
  const { status, body } = await wait(machine, `state=started&version=${instance_id}&timeout=5`);
  assert.equal(status, 200);
  assert.equal(body.ok, true);
  assert.equal(body.state, 'started');
  assert.equal(body.version, instance_id);
  assert.ok(body.event_id);
});

test('wait takes instance_id as the old name of version, and several states', async () => {
  const machine = await add('stopped');
  const { instance_id } = await get(machine);
  assert.equal((await wait(machine, `state=started,stopped&instance_id=${instance_id}`)).status, 200);
  assert.equal((await wait(machine, `state=started&state=settled&timeout=1`)).status, 200);
});

test('wait not granted in time is 408 with the state reached', async () => {
  const { status, body } = await wait(await add('stopped'), 'state=started&timeout=1');
  assert.equal(status, 408);
  assert.equal(
    body.error,
    'deadline_exceeded: machine failed to reach desired state, started, currently stopped',
  );
});

test('wait for a version that is no longer current is not granted', async () => {
  const machine = await add('started');
  const { instance_id } = await get(machine);
  await world.call('POST', machine, { body: { config: CONFIG } });
  assert.equal((await wait(machine, `state=started&version=${instance_id}&timeout=1`)).status, 408);
});

test('a wait timeout outside 1 to 60 whole seconds is 400', async () => {
  const machine = await add('stopped');
  for (const timeout of ['61', '0', '1.5', '10s']) {
    const { status, body } = await wait(machine, `state=settled&timeout=${timeout}`);
    assert.equal(status, 400);
    assert.match(body.error, /^invalid_argument: invalid WaitMachineRequest.Timeout/);
  }
});

test('waiting for stopped needs a version', async () => {
  assert.equal((await wait(await add('stopped'), 'state=stopped&timeout=1')).status, 400);
});

test('a machine is started before it is healthy: its check list is empty, then passing', async () => {
  const machine = await add('started');
  const early = await get(machine);
  assert.equal(early.state, 'started');
  assert.notEqual(early.checks[0]?.status, 'passing');
  await until(async () => (await get(machine)).checks[0]?.status === 'passing');
  const { checks } = await get(machine);
  assert.equal(checks[0].name, 'alive');
  assert.ok(Date.parse(checks[0].updated_at) > 0);
});

test('a failing check warns within its grace period and is critical after', async () => {
  const alive = { ...CONFIG.checks.alive, grace_period: '1s' };
  const machine = await add('started', { ...CONFIG, checks: { alive }, env: { SICK: '1' } });
  await until(async () => (await get(machine)).checks[0]?.status === 'warning');
  await until(async () => (await get(machine)).checks[0]?.status === 'critical');
});

test('the checks of services count too, under the name the platform gives them', async () => {
  const checks = [
    { type: 'http', path: '/health', interval: '1s' },
    { type: 'tcp', interval: '1s' },
  ];
  const machine = await add('started', { services: [{ internal_port: 8080, checks }] });
  const names = async () => (await get(machine)).checks.map((check: { name: string }) => check.name).sort();
  await until(async () => (await names()).length === 2);
  assert.deepEqual(await names(), ['servicecheck-00-http-8080', 'servicecheck-00-tcp-8080']);
});

for (const [code, state] of [
  ['0', 'stopped'],
  ['3', 'failed'],
] as const) {
  test(`a program that ends by itself with code ${code} leaves the machine ${state}, with an exit event`, async () => {
    const machine = await add('started');
    await until(async () => (await get(machine)).checks[0]?.status === 'passing');
    await fetch(`${addressOf(machine)}/exit${code}`).catch(() => undefined);
    await until(async () => (await get(machine)).state === state);
    const { events } = await get(machine);
    assert.equal(events[0].type, 'exit');
    assert.equal(events[0].request.exit_event.exit_code, Number(code));
    assert.equal(events[0].request.exit_event.requested_stop, false);
  });
}

test('a failed machine is launched by its next update', async () => {
  const machine = await add('started');
  await until(async () => (await get(machine)).checks[0]?.status === 'passing');
  await fetch(`${addressOf(machine)}/exit3`).catch(() => undefined);
  await until(async () => (await get(machine)).state === 'failed');
  const { body } = await world.call('POST', machine, { body: { config: CONFIG } });
  assert.equal((await wait(machine, `state=settled&version=${body.instance_id}`)).body.state, 'started');
});

test('the list shows whole machines, filtered on request, and less with summary', async () => {
  const machine = await add('stopped', { ...CONFIG, metadata: { colour: 'blue' } });
  const list = async (query: string) => (await world.call('GET', `shop/machines?${query}`)).body;
  assert.ok((await list('')).length > 1);
  const [found, ...rest] = await list('metadata.colour=blue&state=stopped');
  assert.deepEqual(rest, []);
  assert.ok(machine.endsWith(found.id));
  assert.deepEqual(found.config.metadata, { colour: 'blue' });
  const [summary] = await list('metadata.colour=blue&summary=true');
  assert.equal(summary.config, undefined);
  assert.equal(summary.checks, undefined);
  assert.equal(summary.instance_id, found.instance_id);
});
