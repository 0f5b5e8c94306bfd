import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

/** Pitfalls of the Machines API, numbered as in docs/fly-pitfalls.md: what shows that an update went well. */
const TARGET = { secretsVersion: 7, marker: 'marker' };
const CRITICAL = [{ name: 'alive', status: 'critical' }];

test('pitfall 8: no wait asks for more than a minute or for less than a second', async () => {
  for (const watchMs of [1, 900, 10_000, 600_000]) {
    using fly = new FleetDouble();
    fly.add('m1');
    fly.boot = (machine) => {
      machine.state = 'replacing';
    };
    fly.always('wait', { status: 408 });
    await fly.app({ limits: { watchMs } }).advanceRollout(TARGET, ROLLING);
    const timeouts = fly.made('wait').map(({ url }) => Number(url.searchParams.get('timeout')));
    assert.ok(timeouts.length > 0);
    assert.ok(timeouts.every((seconds) => Number.isInteger(seconds) && seconds >= 1 && seconds <= 60));
  }
});

test('pitfall 9: every wait names the version that the update made', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.add('m2', { state: 'stopped' });
  const app = fly.app();
  for (let calls = 0; calls < 2; calls += 1) await app.advanceRollout(TARGET, ROLLING);
  assert.deepEqual(
    fly.made('wait').map(({ url }) => url.searchParams.get('version')),
    ['m1v2', 'm2v2'],
  );
});

test('pitfall 10: a wait that runs out is a slow boot: watched on, not failed', async () => {
  using fly = new FleetDouble();
  const machine = fly.add('m1');
  fly.boot = () => {
    machine.state = 'replacing';
  };
  fly.always('wait', {
    status: 408,
    body: { error: 'deadline_exceeded: machine failed to reach desired state' },
  });
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
  fly.started(machine);
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
  assert.equal(fly.made('update').length, 1);
});

test('pitfall 14: started is not healthy, and neither is a list without results', async () => {
  const warning = [{ name: 'alive', status: 'warning' }];
  const partly = [{ name: 'ready', status: 'passing' }, ...CRITICAL];
  for (const checks of [[], CRITICAL, warning, partly]) {
    using fly = new FleetDouble();
    fly.add('m1');
    fly.add('m2');
    fly.boot = (machine) => {
      fly.started(machine);
      machine.checks = checks;
    };
    assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
    assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
    assert.equal(fly.made('update').length, 1);
  }
});

test('pitfall 14: checks that the platform invents show nothing', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.boot = (machine) => {
    fly.started(machine);
    machine.checks = [{ name: 'bg_deployments_compat', status: 'passing' }];
  };
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
});

test('pitfall 14: without checks, started is healthy after ten seconds and not before', async () => {
  using fly = new FleetDouble();
  for (const id of ['m1', 'm2']) fly.add(id, {}, { checks: {} });
  await fly.clock.advance(60_000);
  const app = fly.app({ limits: { watchMs: 5_000 } });
  const updates = () => fly.made('update').map(({ machine }) => machine);
  assert.equal((await app.advanceRollout(TARGET, ROLLING)).state, 'waiting');
  assert.deepEqual(updates(), ['m1']);
  await fly.clock.advance(10_000);
  await app.advanceRollout(TARGET, ROLLING);
  assert.deepEqual(updates(), ['m1', 'm2']);
});

test('pitfall 15: a bad value reaches one machine, however many may be down at once', async () => {
  using fly = new FleetDouble();
  for (let i = 1; i <= 6; i += 1) fly.add(`m${i}`);
  fly.boot = (machine) => {
    fly.started(machine);
    machine.checks = CRITICAL;
  };
  const policy = { ...ROLLING, maxUnavailable: { percent: 100 } };
  for (let calls = 0; calls < 40; calls += 1) {
    const progress = await fly.app().advanceRollout(TARGET, policy);
    await fly.clock.advance(60_000);
    if (progress.state === 'failed') break;
  }
  assert.equal((await fly.app().advanceRollout(TARGET, policy)).state, 'failed');
  assert.deepEqual(
    fly.made('update').map(({ machine }) => machine),
    ['m1'],
  );
});

test('pitfall 28: a machine that is put back to its old version is no success, however healthy', async () => {
  using fly = new FleetDouble();
  const before = structuredClone(fly.add('m1'));
  fly.boot = (machine) => void queueMicrotask(() => Object.assign(machine, before));
  const progress = await fly.app().advanceRollout(TARGET, ROLLING);
  assert.equal(progress.state, 'failed');
  assert.equal(progress.failedMachine?.id, 'm1');
  assert.match(progress.failure?.message ?? '', /machine m1 is back at its previous version/);
});

test('pitfall 28: one put back after the watch is not updated over and over, nor taken for done', async () => {
  using fly = new FleetDouble();
  const machine = fly.add('m1');
  fly.add('m2', { state: 'stopped' });
  const before = structuredClone(machine);
  fly.boot = () => {
    fly.started(machine);
    machine.checks = [];
  };
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
  Object.assign(machine, before);
  for (let calls = 0; calls < 5; calls += 1) {
    const progress = await fly.app().advanceRollout(TARGET, ROLLING);
    assert.equal(progress.state, 'failed');
    assert.match(progress.failure?.message ?? '', /machine m1 is back at its previous version/);
  }
  assert.equal(fly.made('update').length, 1);
  assert.equal(fly.leases.size, 0);
});

test('pitfall 28: a later version of somebody else that lost the marker is brought up to date', async () => {
  using fly = new FleetDouble();
  const machine = fly.add('m1');
  await fly.app().advanceRollout(TARGET, ROLLING);
  machine.instance_id = 'm1v3';
  machine.config.metadata = {};
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
  assert.equal(machine.config.metadata.marker, 'm1:7');
});

test("pitfall 28: somebody else's update that was put back is no reason to give up ours", async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.versions.set('m1', [{ version: 'm1v2', user_config: { metadata: { marker: 'm1:6' } } }]);
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
  assert.equal(fly.machines.get('m1')?.config.metadata.marker, 'm1:7');
});

test('pitfall 28: where Fly does not tell the versions, the rollout goes on without', async () => {
  for (const status of [400, 403, 404, 501]) {
    using fly = new FleetDouble();
    fly.add('m1');
    fly.always('versions', { status });
    assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
  }
});
