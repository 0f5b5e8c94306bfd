import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlyApp } from '../../src/fly/fly-app.ts';
import type { RolloutProgress } from '../../src/fly/rollout-progress.ts';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

const MARKER = 'tokenbinding_secrets_version';
const TARGET = { secretsVersion: 7, marker: MARKER };

test('a rollout gives every running machine a new version with the floor and the marker, one per call', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.add('m2');
  const app = fly.app();

  const first = await app.advanceRollout(TARGET, ROLLING);
  assert.equal(first.state, 'advanced');
  assert.equal(first.updatedMachines?.join(), 'm1');
  assert.deepEqual(first.machines, { total: 2, current: 1, skipped: 0, failed: 0 });
  assert.equal(fly.machines.get('m2')?.instance_id, 'm2v1');

  const second = await app.advanceRollout(TARGET, ROLLING);
  assert.deepEqual(second, {
    machines: { total: 2, current: 2, skipped: 0, failed: 0 },
    state: 'done',
    updatedMachines: ['m2'],
  });
  assert.deepEqual(
    fly.made('update').map(({ body }) => body.min_secrets_version),
    [7, 7],
  );
  assert.equal(fly.machines.get('m1')?.config.metadata[MARKER], 'm1:7');
});

test('a rollout sends the complete config back, members that no specification knows included', async () => {
  using fly = new FleetDouble();
  const config = {
    spot: { max_price_fraction: 0.5 },
    services: [{ autostop: 'suspend', autostart: true, checks: [], a_new_thing: [1, { b: null }] }],
    mounts: [{ volume: 'vol_1', path: '/data' }],
    env: { LOG: 'debug' },
  };
  const before = structuredClone(fly.add('m1', {}, config).config);

  await fly.app().advanceRollout(TARGET, ROLLING);

  const metadata = { ...before.metadata, [MARKER]: 'm1:7' };
  assert.deepEqual(fly.made('update')[0]?.body.config, { ...before, metadata });
});

test('a rollout updates under a lease of at most 30 s that it names in query and body, and gives it back', async () => {
  using fly = new FleetDouble();
  fly.add('m1');

  await fly.app().advanceRollout(TARGET, ROLLING);

  const [lease] = fly.made('lease');
  assert.equal(lease?.url.searchParams.get('ttl'), '30');
  assert.equal(lease?.body.ttl, 30);
  assert.match(fly.made('update')[0]?.headers.get('fly-machine-lease-nonce') ?? '', /^nonce-m1/);
  assert.equal(fly.leases.size, 0);
  assert.equal(fly.calls.at(-1)?.action, 'release');
});

test('a rollout waits for the new version, by its id, for no longer than Fly allows', async () => {
  using fly = new FleetDouble();
  fly.add('m1');

  await fly.app().advanceRollout(TARGET, ROLLING);

  const { searchParams } = fly.made('wait')[0]?.url ?? new URL('about:blank');
  assert.equal(searchParams.get('version'), 'm1v2');
  assert.equal(searchParams.get('state'), 'settled');
  assert.ok(Number(searchParams.get('timeout')) >= 1 && Number(searchParams.get('timeout')) <= 5);
});

test('a rollout leaves machines that are down as they are, with the new version ready for their next start', async () => {
  using fly = new FleetDouble();
  fly.add('m1', { state: 'stopped' });
  fly.add('m2', { state: 'suspended' }, { standbys: ['m1'] });
  fly.add('m3', { state: 'created' });

  const progress = await untilAtRest(fly.app());

  assert.equal(progress.state, 'done');
  assert.equal(progress.machines.current, 3);
  assert.deepEqual(states(fly), ['stopped', 'suspended', 'created']);
  assert.ok(fly.made('update').every(({ body }) => body.skip_launch === true));
  assert.equal(fly.machines.get('m2')?.config.metadata[MARKER], 'm2:7');
});

test('a rollout starts a failed machine anew, when none is left that serves and lacks the version', async () => {
  using fly = new FleetDouble();
  fly.add('m1', { state: 'failed', checks: [] });
  fly.add('m2');

  const first = await fly.app().advanceRollout(TARGET, ROLLING);
  assert.equal(first.updatedMachines?.join(), 'm2');

  const second = await fly.app().advanceRollout(TARGET, ROLLING);
  assert.equal(second.updatedMachines?.join(), 'm1');
  assert.equal(fly.made('update')[1]?.body.skip_launch, false);
});

test('a rollout writes nothing when every machine already holds the version or a later one', async () => {
  using fly = new FleetDouble();
  fly.add('m1', {}, { metadata: { [MARKER]: 'm1:7' } });
  fly.add('m2', {}, { metadata: { [MARKER]: 'm2:12' } });

  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
  assert.deepEqual(
    fly.calls.map(({ action }) => action),
    ['list'],
  );
});

test('a rollout does not believe the marker that a clone brought along', async () => {
  using fly = new FleetDouble();
  fly.add('m1', {}, { metadata: { [MARKER]: 'm1:7' } });
  fly.add('m2', {}, { metadata: { [MARKER]: 'm1:7' } });

  const progress = await fly.app().advanceRollout(TARGET, ROLLING);

  assert.equal(progress.updatedMachines?.join(), 'm2');
  assert.equal(fly.machines.get('m2')?.config.metadata[MARKER], 'm2:7');
});

test('a rollout does not touch helpers of deploys and one-shots, but rolls machines outside Fly Launch', async () => {
  using fly = new FleetDouble();
  fly.add('m1', {}, { metadata: { fly_process_group: 'fly_app_release_command' } });
  fly.add('m2', {}, { metadata: { fly_process_group: 'fly_app_console' } });
  fly.add('m3', {}, { metadata: { fly_canary: 'true' } });
  fly.add('m4', {}, { metadata: { fly_bluegreen_deployment_tag: 'safe_to_destroy' } });
  fly.add('m5', {}, { auto_destroy: true });
  fly.add('loose', {}, { metadata: {} });

  const progress = await untilAtRest(fly.app());

  assert.deepEqual(progress.machines, { total: 6, current: 1, skipped: 5, failed: 0 });
  assert.deepEqual(
    fly.made('update').map(({ machine }) => machine),
    ['loose'],
  );
});

test('a rollout resumes after a lost answer to an update by watching, without a second update', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.boot = (machine) => {
    fly.started(machine);
    machine.checks = [];
    fly.once('get', () => new Error('socket hang up'));
  };
  const lost = fly.app().advanceRollout(TARGET, ROLLING);
  await assert.rejects(lost, { name: 'FailureError' });
  const machine = fly.machines.get('m1');
  if (machine) fly.started(machine);

  const progress = await fly.app().advanceRollout(TARGET, ROLLING);

  assert.equal(progress.state, 'done');
  assert.equal(fly.made('update').length, 1);
  assert.equal(fly.leases.size, 0);
});

function states(fly: FleetDouble): string[] {
  return [...fly.machines.values()].map(({ state }) => state);
}

async function untilAtRest(app: FlyApp): Promise<RolloutProgress> {
  for (let calls = 0; calls < 20; calls += 1) {
    const progress = await app.advanceRollout(TARGET, ROLLING);
    if (progress.state !== 'advanced') return progress;
  }
  throw new Error('the rollout does not come to rest');
}
