import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlyApp } from '../../src/fly/fly-app.ts';
import type { RolloutProgress } from '../../src/fly/rollout-progress.ts';
import type { RolloutPolicy } from '../../src/fly/rollout-site.ts';
import type { Call } from './api-double.ts';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

const TARGET = { secretsVersion: 7, marker: 'marker' };
const THREE: RolloutPolicy = { ...ROLLING, maxUnavailable: { count: 3 } };

/** Calls until the rollout rests; gives every progress. */
async function rollOut(app: FlyApp, policy: RolloutPolicy): Promise<RolloutProgress[]> {
  const steps: RolloutProgress[] = [];
  for (let calls = 0; calls < 40; calls += 1) {
    const progress = await app.advanceRollout(TARGET, policy);
    steps.push(progress);
    if (progress.state !== 'advanced') return steps;
  }
  throw new Error('the rollout does not come to rest');
}

function fleetOf(fly: FleetDouble, count: number): void {
  for (let i = 1; i <= count; i += 1) fly.add(`m${i}`);
}

test('the spearhead goes alone, then as many at once as may be down', async () => {
  using fly = new FleetDouble();
  fleetOf(fly, 6);

  const steps = await rollOut(fly.app(), THREE);

  assert.deepEqual(
    steps.map(({ updatedMachines }) => updatedMachines),
    [['m1'], ['m2', 'm3', 'm4'], ['m5', 'm6']],
  );
  assert.deepEqual(
    steps.map(({ spearhead }) => spearhead),
    [{ machineId: 'm1', state: 'proven' }, { machineId: 'm1', state: 'proven' }, undefined],
  );
  assert.equal(steps.at(-1)?.state, 'done');
  assert.equal(fly.leases.size, 0);
});

test('a share of the running machines is rounded up', async () => {
  using fly = new FleetDouble();
  fleetOf(fly, 5);
  fly.add('asleep', { state: 'stopped' });

  const steps = await rollOut(fly.app(), { ...ROLLING, maxUnavailable: { percent: 33 } });

  assert.deepEqual(
    steps.map(({ updatedMachines }) => updatedMachines?.length),
    [1, 2, 2, 1],
  );
});

test('a machine that is unwell for other reasons takes one of the places', async () => {
  using fly = new FleetDouble();
  fleetOf(fly, 4);
  fly.add('m5', {}, { metadata: { marker: 'm5:7' } });
  fly.add('m6', { checks: [{ name: 'alive', status: 'critical' }] }, { metadata: { marker: 'm6:7' } });

  const progress = await fly.app().advanceRollout(TARGET, { ...ROLLING, maxUnavailable: { count: 2 } });

  assert.deepEqual(progress.updatedMachines, ['m1'], 'm6 is down already: of two places one is left');
});

test('while the spearhead proves itself, no other machine is touched', async () => {
  using fly = new FleetDouble();
  fleetOf(fly, 3);
  fly.boot = (machine) => {
    fly.started(machine);
    machine.checks = [];
  };

  const first = await fly.app().advanceRollout(TARGET, THREE);
  const second = await fly.app().advanceRollout(TARGET, THREE);

  assert.deepEqual([first.state, second.state], ['waiting', 'waiting']);
  assert.deepEqual(second.spearhead, { machineId: 'm1', state: 'proving' });
  assert.equal(fly.made('update').length, 1);
});

test('a spearhead that the target breaks is named, with the request that told, and is the only one touched', async () => {
  using fly = new FleetDouble();
  fleetOf(fly, 3);
  fly.boot = (machine) => {
    fly.started(machine);
    fly.exited(machine, { exit_code: 1 }, 'failed');
  };

  for (const progress of [...(await rollOut(fly.app(), THREE)), ...(await rollOut(fly.app(), THREE))]) {
    assert.equal(progress.state, 'failed');
    assert.equal(progress.failure?.reason, 'RolloutFailed');
    assert.deepEqual(progress.spearhead, { machineId: 'm1', state: 'refused' });
    assert.equal(progress.failedMachine?.id, 'm1');
    assert.match(progress.failedMachine?.requestId ?? '', /^req-\d+$/);
  }
  assert.deepEqual(
    fly.made('update').map(({ machine }) => machine),
    ['m1'],
  );
});

test('a later machine that fails does not make the target a refused one', async () => {
  using fly = new FleetDouble();
  fleetOf(fly, 3);
  fly.boot = (machine) => {
    fly.started(machine);
    if (machine.id === 'm2') fly.exited(machine, { exit_code: 1 }, 'failed');
  };

  const last = (await rollOut(fly.app(), ROLLING)).at(-1);

  assert.equal(last?.state, 'failed');
  assert.deepEqual(last?.spearhead, { machineId: 'm1', state: 'proven' });
  assert.equal(last?.failedMachine?.id, 'm2');
  assert.equal(fly.made('update').length, 2);
});

test('machines at rest follow, several at a time, and stay at rest', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  for (let i = 0; i < 10; i += 1) fly.add(`asleep${i}`, { state: i % 2 ? 'stopped' : 'suspended' });

  const steps = await rollOut(fly.app(), ROLLING);

  assert.deepEqual(
    steps.map(({ updatedMachines }) => updatedMachines?.length),
    [1, 8, 2],
  );
  const states = [...fly.machines.values()].map(({ state }) => state);
  assert.equal(states.filter((state) => state === 'started').length, 1);
});

test('what one machine meets keeps none of the others from being finished and given back', async () => {
  using fly = new FleetDouble();
  fleetOf(fly, 4);
  const app = fly.app();
  await app.advanceRollout(TARGET, THREE);
  fly.leases.set('m2', 'of a fly deploy');
  fly.once('update', ({ machine }) => (machine === 'm3' ? { status: 412 } : undefined));

  const progress = await app.advanceRollout(TARGET, THREE);

  assert.equal(progress.state, 'advanced');
  assert.deepEqual([...fly.leases.keys()], ['m2']);
  fly.leases.clear();
  assert.equal((await rollOut(app, THREE)).at(-1)?.state, 'done');
});

test('a request that Fly refuses fails the rollout at its machine, and says nothing about the target', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.always('update', { status: 422 });

  const progress = await fly.app().advanceRollout(TARGET, ROLLING);

  assert.equal(progress.state, 'failed');
  assert.equal(progress.failedMachine?.id, 'm1');
  assert.equal(progress.spearhead, undefined);
});

test('machines outside Fly Launch are left alone when the policy says so', async () => {
  using fly = new FleetDouble();
  fly.add('loose');
  fly.add('m1', {}, { metadata: { fly_platform_version: 'v2' } });

  const steps = await rollOut(fly.app(), { ...ROLLING, includeUnmanaged: false });

  assert.deepEqual(steps.at(-1)?.machines, { total: 2, current: 1, skipped: 1, failed: 0 });
  assert.equal(fly.machines.get('loose')?.instance_id, 'loosev1');
});

test('Immediate updates all at once, under leases and with floors, and waits for none', async () => {
  using fly = new FleetDouble();
  fleetOf(fly, 6);
  fly.add('asleep', { state: 'stopped' });
  fly.boot = (machine) => {
    machine.state = 'replacing';
    machine.events = [];
  };

  const steps = await rollOut(fly.app(), { ...ROLLING, strategy: 'Immediate' });

  assert.equal(steps.at(-1)?.state, 'done');
  assert.equal(steps[0]?.updatedMachines?.length, 6);
  assert.equal(fly.made('wait').length, 0);
  assert.equal(fly.made('update').length, 7);
  for (const { body, headers } of fly.made('update')) {
    assert.equal(body.min_secrets_version, 7);
    assert.match(headers.get('fly-machine-lease-nonce') ?? '', /^nonce-/);
  }
  assert.equal(fly.leases.size, 0);
  assert.ok(steps.every(({ spearhead }) => spearhead === undefined));
  assert.equal(fly.machines.get('asleep')?.state, 'stopped');
});

test('Immediate touches no more than eight machines at once', async () => {
  using fly = new FleetDouble();
  fleetOf(fly, 9);
  const [first, second] = await rollOut(fly.app(), { ...ROLLING, strategy: 'Immediate' });
  assert.deepEqual([first?.updatedMachines?.length, second?.updatedMachines?.length], [8, 1]);
});

test('those at rest are updated together, though each is between two states for a moment', async () => {
  using fly = new FleetDouble();
  for (const id of ['m1', 'm2', 'm3']) fly.add(id, { state: 'stopped' });
  const { promise: firstIsUpdated, resolve } = Promise.withResolvers<undefined>();
  fly.rest = (machine) => {
    machine.state = 'replacing';
    resolve(undefined);
  };
  const afterTheFirst = ({ machine }: Call) => (machine === 'm1' ? undefined : firstIsUpdated);
  for (let leases = 0; leases < 3; leases += 1) fly.once('lease', afterTheFirst);
  const { updatedMachines } = await fly.app().advanceRollout(TARGET, ROLLING);
  assert.deepEqual(updatedMachines, ['m1', 'm2', 'm3']);
});
