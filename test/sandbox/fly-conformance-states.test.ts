import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FlySubject, SERVER, startFlySubject } from './fixtures/fly-subject.ts';
import { until } from './fixtures/fly-world.ts';

let fly: FlySubject;
before(async () => {
  fly = await startFlySubject();
});
after(() => fly.stop());

const get = async (machine: string) => (await fly.call('GET', machine)).body;
const setToken = (value: string) => fly.call('POST', 'secrets/TOKEN', { body: { value } });
const tokenIn = async (machine: string) => (await fly.environment(machine)).TOKEN;
const reach = async (machine: string, state: string) => {
  const { instance_id } = await get(machine);
  const { status } = await fly.call(
    'GET',
    `${machine}/wait?state=${state}&version=${instance_id}&timeout=60`,
  );
  assert.equal(status, 200);
};

test('creating a machine answers it with its version, and it starts by itself', async () => {
  const { status, body } = await fly.call('POST', 'machines', { body: { config: SERVER } });
  const machine = `machines/${body.id}`;
  assert.equal(status, 200);
  assert.match(body.instance_id, /^[0-9A-Z]{26}$/);
  await until(async () => (await fly.call('GET', machine)).status === 200);
  await reach(machine, 'started');
  await fly.call('DELETE', `${machine}?force=true`);
});

test('with skip_launch it stays as created, and a plain start is refused', async () => {
  const machine = await fly.add('created');
  const { status, body } = await fly.call('POST', `${machine}/start`);
  assert.equal(status, 412);
  assert.equal(body.error, "failed_precondition: unable to start machine from current state: 'created'");
});

for (const way of ['restart', 'stop and start', 'suspend and start'] as const) {
  test(`a ${way} of the same version keeps the old value`, async () => {
    await setToken('before');
    const machine = await fly.add('started');
    await setToken('after');
    if (way === 'restart') {
      await fly.call('POST', `${machine}/restart`);
    } else {
      const [verb = ''] = way.split(' ');
      assert.equal((await fly.call('POST', `${machine}/${verb}`)).status, 200);
      await reach(machine, verb === 'stop' ? 'stopped' : 'suspended');
      const { body } = await fly.call('POST', `${machine}/start`);
      assert.equal(body.previous_state, verb === 'stop' ? 'stopped' : 'suspended');
    }
    await reach(machine, 'started');
    assert.equal(await tokenIn(machine), 'before');
  });
}

test('an update of a suspended machine drops its snapshot', async () => {
  await setToken('before');
  const machine = await fly.add('suspended');
  const { version } = (await setToken('after')).body;
  const { body } = await fly.call('POST', machine, {
    body: { config: SERVER, skip_launch: true, min_secrets_version: version },
  });
  await fly.settled(machine, body.instance_id);
  await fly.call('POST', `${machine}/start`);
  await reach(machine, 'started');
  assert.equal(await tokenIn(machine), 'after');
});

test('a machine that is up is destroyed by force only, and is gone then', async () => {
  const machine = await fly.add('started');
  assert.ok((await fly.call('DELETE', machine)).status >= 400);
  assert.equal((await fly.call('DELETE', `${machine}?force=true`)).status, 200);
  await until(async () => {
    const { status, body } = await fly.call('GET', machine);
    return status === 404 || body.state === 'destroyed';
  });
  const { body: list } = await fly.call('GET', 'machines');
  assert.ok(!list.some(({ id }: { id: string }) => machine.endsWith(id)));
});

test('a standby is not started by its creation', async () => {
  const [main = ''] = (await fly.add('created')).split('/').slice(-1);
  const { body } = await fly.call('POST', 'machines', { body: { config: { ...SERVER, standbys: [main] } } });
  const standby = `machines/${body.id}`;
  await until(async () => (await fly.call('GET', standby)).status === 200);
  assert.notEqual(await fly.settled(standby, body.instance_id), 'started');
  assert.deepEqual((await get(standby)).config.standbys, [main]);
  await fly.call('DELETE', `${standby}?force=true`);
});

test('a machine is started before it is healthy: its check list is empty, then passing', async () => {
  const machine = await fly.add('started');
  const early = await get(machine);
  assert.equal(early.state, 'started');
  await until(async () => (await get(machine)).checks?.[0]?.status === 'passing');
  const { checks } = await get(machine);
  assert.equal(checks[0].name, 'alive');
  assert.ok(Date.parse(checks[0].updated_at) > 0);
});

test('the checks of services count too, under the name the platform gives them', async () => {
  const checks = [
    { type: 'http', path: '/', interval: '2s' },
    { type: 'tcp', interval: '2s' },
  ];
  const { checks: _, ...config } = SERVER;
  const services = [{ protocol: 'tcp', internal_port: 80, checks }];
  const machine = await fly.add('started', { ...config, services });
  const names = async () =>
    ((await get(machine)).checks ?? []).map(({ name }: { name: string }) => name).sort();
  await until(async () => (await names()).length === 2);
  assert.deepEqual(await names(), ['servicecheck-00-http-80', 'servicecheck-00-tcp-80']);
});

test('the list shows whole machines, filtered by metadata, and less with summary', async () => {
  const machine = await fly.add('created', { ...SERVER, metadata: { colour: 'blue' } });
  const list = async (query: string) => (await fly.call('GET', `machines?${query}`)).body;
  assert.ok((await list('')).length > 1);
  const [found, ...rest] = await list('metadata.colour=blue');
  assert.deepEqual(rest, []);
  assert.ok(machine.endsWith(found.id));
  assert.deepEqual(found.config.metadata, { colour: 'blue' });
  const summaries = await list('summary=true');
  const summary = summaries.find(({ id }: { id: string }) => id === found.id);
  assert.equal(summary.config, undefined);
  assert.equal(summary.checks, undefined);
  assert.equal(summary.instance_id, found.instance_id);
});
