import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FlySubject, SERVER, startFlySubject } from './fixtures/fly-subject.ts';

let fly: FlySubject;
before(async () => {
  fly = await startFlySubject();
});
after(() => fly.stop());

const get = async (machine: string) => (await fly.call('GET', machine)).body;
const update = (machine: string, body: Record<string, unknown>) => fly.call('POST', machine, { body });
const setToken = async (value: string): Promise<number> =>
  (await fly.call('POST', 'secrets/TOKEN', { body: { value } })).body.version;
const tokenIn = async (machine: string) => (await fly.environment(machine)).TOKEN;
const isDown = async (machine: string) =>
  (await fly.call('POST', `${machine}/exec`, { body: { command: ['true'] } })).status !== 200;

test('a secret write changes nothing in a running machine; an update with the floor of that write does', async () => {
  await setToken('old');
  const machine = await fly.add('started');
  const version = await setToken('new');
  assert.equal(await tokenIn(machine), 'old');
  const { body } = await update(machine, { config: SERVER, min_secrets_version: version });
  assert.equal(await fly.settled(machine, body.instance_id), 'started');
  assert.equal(await tokenIn(machine), 'new');
});

test('the floor is no snapshot: a machine updated with an older floor gets the newest value', async () => {
  const first = await setToken('one');
  await setToken('two');
  const machine = await fly.add('started');
  const { body } = await update(machine, { config: SERVER, min_secrets_version: first });
  await fly.settled(machine, body.instance_id);
  assert.equal(await tokenIn(machine), 'two');
});

test('a floor that no write has reached is 412 and changes nothing', async () => {
  const machine = await fly.add('created');
  const before = await get(machine);
  const { status, body } = await update(machine, { config: SERVER, min_secrets_version: 1_000_000_000 });
  assert.equal(status, 412);
  assert.match(body.error, /min_secrets_version 1000000000 is not yet available/);
  assert.equal((await get(machine)).instance_id, before.instance_id);
});

test('skip_secrets makes a version without app secrets', async () => {
  await setToken('x');
  const machine = await fly.add('started');
  const { body } = await update(machine, { config: SERVER, skip_secrets: true });
  await fly.settled(machine, body.instance_id);
  assert.equal(await tokenIn(machine), undefined);
});

test('config.env stands below the secrets, and the machine knows who it is', async () => {
  await fly.call('POST', 'secrets/BOTH', { body: { value: 'secret' } });
  const machine = await fly.add('started', { ...SERVER, env: { BOTH: 'plain', PLAIN: 'plain' } });
  const env = await fly.environment(machine);
  assert.equal(env.BOTH, 'secret');
  assert.equal(env.PLAIN, 'plain');
  assert.ok(env.FLY_APP_NAME && env.FLY_REGION);
  assert.ok(machine.endsWith(String(env.FLY_MACHINE_ID)));
});

test('an update replaces the configuration whole: what is left out is gone', async () => {
  const machine = await fly.add('created', { ...SERVER, metadata: { a: '1' }, env: { A: '1' } });
  await update(machine, { config: { ...SERVER, metadata: { b: '2' } } });
  const { config } = await get(machine);
  assert.deepEqual(config.metadata, { b: '2' });
  assert.equal(config.env?.A, undefined);
});

test('an update without a configuration is 400', async () => {
  const machine = await fly.add('created');
  assert.equal((await update(machine, { min_secrets_version: 0 })).status, 400);
});

test('an update makes a version id of 26 characters, and events begin anew with it', async () => {
  const machine = await fly.add('started');
  const before = await get(machine);
  const { body } = await update(machine, { config: SERVER });
  assert.match(body.instance_id, /^[0-9A-Z]{26}$/);
  assert.notEqual(body.instance_id, before.instance_id);
  await fly.settled(machine, body.instance_id);
  const { instance_id, events } = await get(machine);
  assert.equal(instance_id, body.instance_id);
  assert.ok(!events.some(({ type }: { type: string }) => type === 'launch'));
});

test('current_version is a lock: another version than the current is refused', async () => {
  const machine = await fly.add('created');
  const { instance_id: current_version } = await get(machine);
  const { body } = await update(machine, { config: SERVER, current_version });
  await fly.settled(machine, body.instance_id);
  const { status } = await update(machine, { config: SERVER, current_version });
  assert.ok([409, 412].includes(status));
  assert.equal((await get(machine)).instance_id, body.instance_id);
});

test('the versions of a machine are told with their configurations, the latest first', async () => {
  const machine = await fly.add('created', { ...SERVER, metadata: { a: '1' } });
  const { instance_id: first } = await get(machine);
  const { body } = await update(machine, { config: { ...SERVER, metadata: { b: '2' } } });
  await fly.settled(machine, body.instance_id);
  const versions: Version[] = (await fly.call('GET', `${machine}/versions`)).body;
  assert.deepEqual(
    versions.map(({ version, user_config: { metadata } }) => [version, metadata]),
    [
      [body.instance_id, { b: '2' }],
      [first, { a: '1' }],
    ],
  );
});

test('an update with skip_launch leaves a started machine stopped', async () => {
  const machine = await fly.add('started');
  const { body } = await update(machine, { config: SERVER, skip_launch: true });
  assert.equal(await fly.settled(machine, body.instance_id), 'stopped');
  assert.ok(await isDown(machine));
});

for (const state of ['created', 'stopped', 'suspended'] as const) {
  test(`an updated machine that was ${state} ends stopped, also without skip_launch`, async () => {
    const machine = await fly.add(state);
    const { body } = await update(machine, { config: SERVER });
    assert.equal(await fly.settled(machine, body.instance_id), 'stopped');
    assert.ok(await isDown(machine));
  });
}

test('a machine updated while stopped has the new value at its next start', async () => {
  const machine = await fly.add('stopped');
  const min_secrets_version = await setToken('fresh');
  const { body } = await update(machine, { config: SERVER, skip_launch: true, min_secrets_version });
  await fly.settled(machine, body.instance_id);
  await fly.call('POST', `${machine}/start`);
  await fly.call('GET', `${machine}/wait?state=started&version=${body.instance_id}&timeout=60`);
  assert.equal(await tokenIn(machine), 'fresh');
});

interface Version {
  readonly version: string;
  readonly user_config: { readonly metadata?: Readonly<Record<string, string>> };
}
