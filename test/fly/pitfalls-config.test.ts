import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

/** Pitfalls of the Machines API, numbered as in docs/fly-pitfalls.md: what an update sends. */
const TARGET = { secretsVersion: 7, marker: 'marker' };

/** Rolls one machine with that config; gives the config that was sent. */
async function sentFor(config: Record<string, unknown>): Promise<Record<string, unknown>> {
  using fly = new FleetDouble();
  fly.add('m1', {}, config);
  await fly.app().advanceRollout(TARGET, ROLLING);
  return fly.made('update')[0]?.body.config as Record<string, unknown>;
}

test('pitfall 1: members of a config that no specification knows survive the update', async () => {
  const unknown = {
    spot: { max: 1 },
    containers: [{ name: 'c', x: null }],
    volumes: [{ name: 'v' }],
    a_new_one: [[]],
  };
  const sent = await sentFor(unknown);
  for (const [name, value] of Object.entries(unknown)) assert.deepEqual(sent[name], value);
});

test('pitfall 2: services, mounts, checks, guest and environment are sent back with every update', async () => {
  const parts = {
    services: [{ internal_port: 8080, checks: [] }],
    mounts: [{ volume: 'vol_1', path: '/data' }],
    checks: { alive: { type: 'http' } },
    guest: { cpus: 2 },
    env: { A: 'b' },
  };
  const sent = await sentFor(parts);
  for (const [name, value] of Object.entries(parts)) assert.deepEqual(sent[name], value);
  assert.equal(sent.image, 'registry.fly.io/app:1');
});

test('pitfall 12: the value gets into a running machine by an update, never by a restart', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  await fly.app().advanceRollout(TARGET, ROLLING);
  assert.equal(fly.machines.get('m1')?.instance_id, 'm1v2');
  assert.ok(fly.calls.every(({ url }) => !/\/(restart|stop|start|signal)$/.test(url.pathname)));
});

test('pitfall 13: every update names the version of the secrets as a floor, resting machines included', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.add('m2', { state: 'stopped' });
  const app = fly.app();
  for (let calls = 0; calls < 2; calls += 1) await app.advanceRollout(TARGET, ROLLING);
  assert.deepEqual(
    fly.made('update').map(({ body }) => body.min_secrets_version),
    [7, 7],
  );
  assert.ok(fly.made('update').every(({ body }) => body.skip_secrets !== true));
});

test('pitfall 13: a floor that Fly does not see yet is waited for, not taken for a failure', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.once('update', { status: 412, body: { error: 'min_secrets_version 7 is not yet available' } });
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
});

test('pitfall 17: what is left of a config on an unreachable host is never written back', async () => {
  for (const host_status of ['unreachable', 'unknown', 'ok']) {
    using fly = new FleetDouble();
    const lost = fly.add('m1', { host_status, incomplete_config: { image: 'x', metadata: {} } });
    Reflect.deleteProperty(lost, 'config');
    assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
    assert.equal(fly.made('update').length, 0);
  }
});

test('pitfall 17: a host that is lost between the list and the lease is noticed', async () => {
  using fly = new FleetDouble();
  const machine = fly.add('m1');
  fly.once('lease', () => {
    machine.host_status = 'unreachable';
    return undefined;
  });
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
  assert.equal(fly.made('update').length, 0);
});

test('pitfall 26: autostop, autostart and durations go back as the kind of value they came as', async () => {
  for (const [autostop, interval] of [
    [true, '15s'],
    ['suspend', 15_000_000_000],
    ['stop', '1m0s'],
    [false, null],
  ]) {
    const services = [{ autostop, autostart: true, checks: [{ interval, timeout: '2s' }] }];
    assert.deepEqual((await sentFor({ services })).services, services);
  }
});
