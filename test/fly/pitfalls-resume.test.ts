import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetDouble, type FleetMachine } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

/** Pitfalls of the Machines API, numbered as in docs/fly-pitfalls.md: what a second look finds. */
const TARGET = { secretsVersion: 7, marker: 'marker' };

test('pitfall 22: looking again at an app that is up to date costs one request and changes nothing', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.add('m2', { state: 'stopped' });
  const app = fly.app();
  for (let calls = 0; calls < 2; calls += 1) await app.advanceRollout(TARGET, ROLLING);
  const before = fly.calls.length;
  assert.equal((await app.advanceRollout(TARGET, ROLLING)).state, 'done');
  assert.deepEqual(
    fly.calls.slice(before).map(({ action }) => action),
    ['list'],
  );
});

test('pitfall 25: the marker travels in the update itself: with the new version or not at all', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.once('update', { status: 409 });
  await fly.app().advanceRollout(TARGET, ROLLING);
  assert.equal(fly.machines.get('m1')?.config.metadata.marker, undefined);
  await fly.app().advanceRollout(TARGET, ROLLING);
  const configs = fly.made('update').map(({ body }) => body.config as FleetMachine['config']);
  assert.deepEqual(
    configs.map(({ metadata }) => metadata.marker),
    ['m1:7', 'm1:7'],
  );
  assert.equal(fly.made('note').length, 0);
});

test('pitfall 31: a rollout is not done while any machine may still boot or run with the old value', async () => {
  const kinds = [
    { state: 'stopped' },
    { state: 'suspended' },
    { host_status: 'unreachable' },
    { state: 'replacing' },
    { state: 'failed' },
  ];
  for (const change of kinds) {
    using fly = new FleetDouble();
    fly.add('m1', {}, { metadata: { marker: 'm1:7' } });
    fly.add('m2', change);
    fly.leases.set('m2', 'of a fly deploy');
    const { state, machines } = await fly.app().advanceRollout(TARGET, ROLLING);
    assert.notEqual(state, 'done');
    assert.deepEqual([machines.total, machines.current], [2, 1]);
  }
});
