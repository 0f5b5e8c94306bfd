import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

const TARGET = { secretsVersion: 7, marker: 'marker' };
const MINUTES = 60_000;

test('a machine whose check never passes is waited for, then fails the rollout and saves the others', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.add('m2');
  fly.boot = (machine) => {
    fly.started(machine);
    machine.checks = [{ name: 'alive', status: 'critical', output: 'canary-body' }];
  };

  const first = await fly.app().advanceRollout(TARGET, ROLLING);
  assert.equal(first.state, 'waiting');
  assert.equal(first.retryAt, fly.clock.now() + 5_000);
  assert.equal(first.failure, undefined);

  await fly.clock.advance(5 * MINUTES);
  const last = await fly.app().advanceRollout(TARGET, ROLLING);
  assert.equal(last.state, 'failed');
  assert.equal(last.failure?.reason, 'RolloutFailed');
  assert.match(
    last.failure?.message ?? '',
    /machine m1 is not healthy, 5m\d+s after its last change;.*fly-request-id req-\d+/,
  );
  assert.doesNotMatch(JSON.stringify([first, last]), /canary|nonce/);
  assert.equal(last.machines.failed, 1);
  assert.equal(fly.made('update').length, 1);
});

test('an empty list of results says nothing about a machine that has checks', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.boot = (machine) => {
    fly.started(machine);
    machine.checks = [{ name: 'bg_deployments_compat_1', status: 'passing' }];
  };

  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
});

test('a machine without checks is well when it has been up for ten seconds', async () => {
  using fly = new FleetDouble();
  fly.add('m1', { checks: [] }, { checks: {} });
  fly.boot = (machine) => {
    fly.started(machine);
    machine.checks = [];
  };
  const startedAt = fly.clock.now();

  assert.equal(
    (await fly.app({ limits: { watchMs: 20_000 } }).advanceRollout(TARGET, ROLLING)).state,
    'done',
  );
  assert.ok(fly.clock.now() - startedAt >= 10_000);
});

test('a machine that recovers late lets the rollout go on', async () => {
  using fly = new FleetDouble();
  const machine = fly.add(
    'm1',
    { checks: [{ name: 'alive', status: 'critical' }] },
    { metadata: { marker: 'm1:7' } },
  );
  await fly.clock.advance(30 * MINUTES);
  fly.once('get', () => {
    fly.started(machine);
    return { status: 200, body: machine };
  });

  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
});

test('a machine that goes down after its update fails the rollout at once', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.add('m2');
  fly.boot = (machine) => {
    fly.started(machine);
    fly.exited(machine, { exit_code: 1 });
  };

  const progress = await fly.app().advanceRollout(TARGET, ROLLING);
  assert.equal(progress.state, 'failed');
  assert.match(progress.failure?.message ?? '', /machine m1 went down/);

  const again = await fly.app().advanceRollout(TARGET, ROLLING);
  assert.equal(again.state, 'failed');
  assert.equal(fly.made('update').length, 1);
});

test('a machine that the proxy stops when idle, after its update, is current', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.boot = (machine) => {
    fly.started(machine);
    fly.exited(machine, { exit_code: 0, requested_stop: true });
  };

  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
});

test('a machine that restarts over and over fails the rollout without waiting for the timeout', async () => {
  using fly = new FleetDouble();
  fly.add('m1', { checks: [] }, { checks: {} });
  fly.boot = (machine) => {
    fly.started(machine);
    const exit_event = { exit_code: 1, restarting: true };
    machine.events.unshift({
      type: 'exit',
      timestamp: fly.clock.now(),
      request: { exit_event, restart_count: 2 },
    });
  };

  const progress = await fly.app().advanceRollout(TARGET, ROLLING);

  assert.equal(progress.state, 'failed');
  assert.match(progress.failure?.message ?? '', /machine m1 restarts over and over/);
});

for (const [status, reason] of [
  [404, 'AppNotFound'],
  [403, 'Unauthorized'],
  [500, 'PlatformUnavailable'],
] as const) {
  test(`a rollout whose machines cannot be listed (${status}) fails with ${reason}`, async () => {
    using fly = new FleetDouble();
    fly.always('list', { status });
    await assert.rejects(
      fly.app().advanceRollout(TARGET, ROLLING),
      ({ failure }) => failure.reason === reason,
    );
  });
}

test('an update that the platform takes back is a failure, however healthy the machine', async () => {
  using fly = new FleetDouble();
  const before = structuredClone(fly.add('m1'));
  fly.boot = (machine) => void queueMicrotask(() => Object.assign(machine, before));

  const progress = await fly.app().advanceRollout(TARGET, ROLLING);

  assert.equal(progress.state, 'failed');
  assert.match(progress.failure?.message ?? '', /machine m1 is back at its previous version/);
});

test('a wait that ends with 408 is a slow boot, not a failure', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.boot = (machine) => {
    machine.state = 'replacing';
  };
  fly.once('wait', { status: 408, body: { error: 'deadline_exceeded' } });
  fly.once('wait', ({ machine = '' }) => {
    const slow = fly.machines.get(machine);
    if (slow) fly.started(slow);
    return { status: 200 };
  });

  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
});

test('a transient or unknown state is waited out, and skip_launch decided from what comes after it', async () => {
  using fly = new FleetDouble();
  const machine = fly.add('m1', { state: 'replacing' });
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
  machine.state = 'a_new_state';
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
  assert.equal(fly.made('lease').length, 0);

  machine.state = 'started';
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
  assert.equal(fly.made('update')[0]?.body.skip_launch, false);
});

test('a machine that traffic woke after the list is treated as the running machine it is', async () => {
  using fly = new FleetDouble();
  const machine = fly.add('m1', { state: 'stopped' });
  fly.once('lease', () => void fly.started(machine));

  await fly.app().advanceRollout(TARGET, ROLLING);

  assert.equal(fly.made('update')[0]?.body.skip_launch, false);
  assert.equal(machine.state, 'started');
});

test('the config of a machine whose host does not answer is never written back; the others go on', async () => {
  using fly = new FleetDouble();
  const lost = fly.add('m1', { host_status: 'unreachable', incomplete_config: { image: 'x' } });
  Reflect.deleteProperty(lost, 'config');
  fly.add('m2');

  const progress = await fly.app().advanceRollout(TARGET, ROLLING);

  assert.equal(progress.state, 'waiting');
  assert.equal(progress.retryAt, fly.clock.now() + 60_000);
  assert.match(progress.failure?.message ?? '', /machine m1 is on a host that does not answer/);
  assert.deepEqual(
    fly.made('update').map(({ machine }) => machine),
    ['m2'],
  );
});

test('a machine that is removed meanwhile drops out of the rollout', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.boot = (machine) => void fly.machines.delete(machine.id);

  const progress = await fly.app().advanceRollout(TARGET, ROLLING);

  assert.equal(progress.state, 'done');
  assert.equal(progress.machines.total, 0);
});
