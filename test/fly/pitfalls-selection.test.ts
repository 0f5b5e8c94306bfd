import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RolloutProgress } from '../../src/fly/rollout-progress.ts';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

/** Pitfalls of the Machines API, numbered as in docs/fly-pitfalls.md: which machine is treated how. */
const TARGET = { secretsVersion: 7, marker: 'marker' };

async function rollOut(fly: FleetDouble): Promise<RolloutProgress> {
  for (let calls = 0; calls < 20; calls += 1) {
    const progress = await fly.app().advanceRollout(TARGET, ROLLING);
    if (progress.state !== 'advanced') return progress;
  }
  throw new Error('the rollout does not come to rest');
}

const launches = (fly: FleetDouble) =>
  Object.fromEntries(fly.made('update').map(({ machine, body }) => [machine, body.skip_launch !== true]));

test('pitfall 6: only what was running is launched: no standby, no stopped, suspended or new machine', async () => {
  using fly = new FleetDouble();
  fly.add('running');
  fly.add('failed', { state: 'failed' });
  fly.add('stopped', { state: 'stopped' });
  fly.add('suspended', { state: 'suspended' });
  fly.add('created', { state: 'created' });
  fly.add('standby', { state: 'stopped' }, { standbys: ['running'] });
  fly.add('scheduled', { state: 'stopped' }, { schedule: 'hourly' });

  assert.equal((await rollOut(fly)).state, 'done');

  const { running, failed, ...resting } = launches(fly);
  assert.deepEqual([running, failed], [true, true]);
  assert.deepEqual(new Set(Object.values(resting)), new Set([false]));
  assert.equal(Object.keys(resting).length, 5);
});

test('pitfall 6: what the proxy stopped after its update is not started again', async () => {
  using fly = new FleetDouble();
  const machine = fly.add('m1', { state: 'stopped' }, { metadata: { marker: 'm1:7' } });
  fly.exited(machine, { requested_stop: true, exit_code: 0 });
  assert.equal((await rollOut(fly)).state, 'done');
  assert.deepEqual(
    fly.calls.map(({ action }) => action),
    ['list'],
  );
});

test('pitfall 6: what crashed with a token of ours, and is down for that, is started with the next', async () => {
  using fly = new FleetDouble();
  const machine = fly.add('m1', {}, { metadata: { marker: 'm1:6' } });
  fly.exited(machine, { exit_code: 1 });
  assert.equal((await rollOut(fly)).state, 'done');
  assert.deepEqual(launches(fly), { m1: true });
});

for (const state of [
  'replacing',
  'starting',
  'stopping',
  'restarting',
  'suspending',
  'updating',
  'pending',
]) {
  test(`pitfall 7: a machine in state ${state} is left alone until it is known what it comes to`, async () => {
    using fly = new FleetDouble();
    const machine = fly.add('m1', { state });
    assert.equal((await rollOut(fly)).state, 'waiting');
    machine.state = 'started';
    fly.once('lease', () => {
      machine.state = state;
      return undefined;
    });
    assert.equal((await rollOut(fly)).state, 'waiting');
    assert.equal(fly.made('update').length, 0);

    machine.state = 'started';
    await rollOut(fly);
    assert.deepEqual(launches(fly), { m1: true });
  });
}

test("pitfall 16: helpers of somebody's deploy are not touched", async () => {
  const helpers = [
    { fly_process_group: 'fly_app_release_command' },
    { fly_process_group: 'fly_app_console' },
    { fly_process_group: 'fly_app_test_machine_command' },
    { process_group: 'release_command' },
    { fly_canary: 'true' },
    { fly_bluegreen_deployment_tag: 'safe_to_destroy' },
  ];
  for (const metadata of helpers) {
    using fly = new FleetDouble();
    fly.add('helper', {}, { metadata });
    assert.deepEqual((await rollOut(fly)).machines, { total: 1, current: 0, skipped: 1, failed: 0 });
    assert.equal(fly.made('lease').length, 0);
  }
});

test('pitfall 16: a machine outside Fly Launch is not forgotten', async () => {
  using fly = new FleetDouble();
  fly.add('loose', {}, { metadata: {} });
  fly.add('m1', {}, { metadata: { fly_platform_version: 'v2' } });
  assert.equal((await rollOut(fly)).machines.current, 2);
  assert.deepEqual(launches(fly), { loose: true, m1: true });
});

test('pitfall 29: a stopped machine that traffic wakes before its lease is treated as running', async () => {
  using fly = new FleetDouble();
  const machine = fly.add('m1', { state: 'stopped' });
  fly.once('lease', () => void fly.started(machine));
  await rollOut(fly);
  assert.deepEqual(launches(fly), { m1: true });
  assert.equal(machine.state, 'started');
});

test('pitfall 29: one that goes to sleep before its lease is left asleep', async () => {
  using fly = new FleetDouble();
  const machine = fly.add('m1');
  fly.once('lease', () => {
    machine.state = 'stopped';
    return undefined;
  });
  await rollOut(fly);
  assert.deepEqual(launches(fly), { m1: false });
  assert.equal(machine.state, 'stopped');
});

test('pitfall 30: the marker on a clone says nothing, however new', async () => {
  using fly = new FleetDouble();
  fly.add('m1', {}, { metadata: { marker: 'm1:9' } });
  fly.add('m2', {}, { metadata: { marker: 'm1:9' } });
  await rollOut(fly);
  assert.deepEqual(launches(fly), { m2: true });
});
