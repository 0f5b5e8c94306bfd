import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretValue } from '../../src/secret-value.ts';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

const TARGET = { secretsVersion: 7, marker: 'marker' };
const VALUE = new SecretValue('canary-value');

test('a machine under a lease that nobody gives back does not keep the target from the others', async () => {
  using fly = new FleetDouble();
  for (const id of ['m1', 'm2', 'm3']) fly.add(id);
  fly.leases.set('m1', 'of somebody who is gone');
  const app = fly.app();
  const reached: string[] = [];
  for (let turns = 0; turns < 3; turns += 1)
    reached.push(...((await app.advanceRollout(TARGET, ROLLING)).updatedMachines ?? []));
  assert.deepEqual(reached, ['m2', 'm3']);

  const { state, machines, failure } = await app.advanceRollout(TARGET, ROLLING);
  assert.deepEqual([state, machines.current], ['waiting', 2]);
  assert.match(failure?.message ?? '', /lease of machine m1/);
  fly.leases.clear();
  assert.equal((await app.advanceRollout(TARGET, ROLLING)).state, 'done');
});

test('neither does one whose host is full, or whose config Fly will not take', async () => {
  for (const status of [400, 412, 422]) {
    using fly = new FleetDouble();
    fly.add('m1');
    fly.add('m2');
    const app = fly.app();
    fly.once('update', { status });
    assert.deepEqual((await app.advanceRollout(TARGET, ROLLING)).updatedMachines, ['m2']);
  }
});

test('one that may have got the target stays the only one until that is known', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.add('m2');
  fly.once('update', { status: 502 });
  await assert.rejects(fly.app().advanceRollout(TARGET, ROLLING));
  assert.deepEqual(
    fly.made('update').map(({ machine }) => machine),
    ['m1'],
  );
});

test('when all are refused, only a few are tried in one call', async () => {
  using fly = new FleetDouble();
  for (const id of ['m1', 'm2', 'm3', 'm4', 'm5', 'm6']) {
    fly.add(id);
    fly.leases.set(id, 'of a fly deploy');
  }
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
  assert.equal(fly.made('lease').length, 3);
});

test('those at rest get nothing unproven because the only one that runs is under a lease or being changed', async () => {
  for (const state of ['started', 'replacing']) {
    using fly = new FleetDouble();
    fly.add('m1', { state });
    fly.add('m2', { state: 'stopped' });
    if (state === 'started') fly.leases.set('m1', 'of a fly deploy');
    assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
    assert.deepEqual(fly.made('update'), []);
  }
});

test('a machine that has the value in its file counts as reached, though no note could be left', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.add('m2');
  fly.once('note', { status: 412 });
  const policy = { ...ROLLING, strategy: 'Reload' as const, reload: { path: '/run/token', value: VALUE } };
  await fly.app().advanceRollout(TARGET, policy);
  assert.deepEqual(
    fly.made('exec').map(({ machine }) => machine),
    ['m1'],
  );
});
