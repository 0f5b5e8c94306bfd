import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FlySubject, SERVER, startFlySubject } from './fixtures/fly-subject.ts';

let fly: FlySubject;
before(async () => {
  fly = await startFlySubject();
});
after(() => fly.stop());

const versionOf = async (machine: string) => (await fly.call('GET', machine)).body.instance_id;
const wait = (machine: string, query: string) => fly.call('GET', `${machine}/wait?${query}`);

test('wait answers at once when the machine is there already, naming state, version and event', async () => {
  const machine = await fly.add('started');
  const version = await versionOf(machine);
  const { status, body } = await wait(machine, `state=started&version=${version}&timeout=5`);
  assert.equal(status, 200);
  assert.equal(body.ok, true);
  assert.equal(body.state, 'started');
  assert.equal(body.version, version);
  assert.ok(body.event_id);
});

test('wait takes instance_id as the old name of version, and several states', async () => {
  const machine = await fly.add('stopped');
  const version = await versionOf(machine);
  assert.equal((await wait(machine, `state=started,stopped&instance_id=${version}`)).status, 200);
  assert.equal((await wait(machine, `state=started&state=settled&version=${version}&timeout=1`)).status, 200);
});

test('wait not granted in time is 408 with the state reached', async () => {
  const machine = await fly.add('stopped');
  const { status, body } = await wait(machine, `state=started&version=${await versionOf(machine)}&timeout=1`);
  assert.equal(status, 408);
  assert.match(body.error, /machine failed to reach desired state, started, currently stopped/);
});

test('wait for a version that is no longer current is not granted', async () => {
  const machine = await fly.add('started');
  const version = await versionOf(machine);
  await fly.call('POST', machine, { body: { config: SERVER } });
  assert.notEqual((await wait(machine, `state=started&version=${version}&timeout=1`)).status, 200);
});

test('a wait timeout outside 1 to 60 whole seconds is 400', async () => {
  const machine = await fly.add('created');
  for (const timeout of ['61', '0', '1.5']) {
    const { status, body } = await wait(machine, `state=settled&timeout=${timeout}`);
    assert.equal(status, 400);
    assert.match(body.error, /invalid WaitMachineRequest.Timeout/);
  }
});

test('waiting for stopped needs a version', async () => {
  assert.equal((await wait(await fly.add('created'), 'state=stopped&timeout=1')).status, 400);
});
