import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretValue } from '../../src/secret-value.ts';
import type { Call } from './api-double.ts';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

/** Pitfalls of the Machines API, numbered as in docs/fly-pitfalls.md: leases and races. */
const TARGET = { secretsVersion: 7, marker: 'marker' };
const nonceOf = ({ headers }: Call) => headers.get('fly-machine-lease-nonce');

/** A machine that takes long to get well, watched for 40 s. */
async function rollSlowly(fly: FleetDouble) {
  fly.add('m1');
  fly.boot = (machine) => {
    fly.started(machine);
    machine.checks = [];
  };
  return await fly.app({ limits: { watchMs: 40_000 } }).advanceRollout(TARGET, ROLLING);
}

test('pitfall 3: an update carries the nonce of its lease', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  await fly.app().advanceRollout(TARGET, ROLLING);
  assert.match(fly.made('update').map(nonceOf)[0] ?? '', /^nonce-m1-/);
});

test("pitfall 3: a machine under another's lease is not touched", async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.leases.set('m1', 'of a fly deploy');
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
  assert.equal(fly.made('update').length, 0);
  assert.equal(fly.made('release').length, 0);
});

test('pitfall 4: leases are asked for in seconds, for half a minute, in query and body', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  await fly.app().advanceRollout(TARGET, ROLLING);
  for (const { url, body } of fly.made('lease')) {
    assert.deepEqual([url.searchParams.get('ttl'), body.ttl], ['30', 30]);
  }
});

for (const action of ['get', 'versions', 'update', 'wait'] as const) {
  test(`pitfall 4: no lease is left behind when the call ${action} fails`, async () => {
    using fly = new FleetDouble();
    fly.add('m1');
    fly.once(action, () => new Error('socket hang up'));
    await assert.rejects(fly.app().advanceRollout(TARGET, ROLLING), { name: 'FailureError' });
    assert.equal(fly.leases.size, 0);
  });
}

test('pitfall 5: a lease is prolonged at a third of its time, and nothing of it comes after its release', async () => {
  using fly = new FleetDouble();
  const times: number[] = [];
  fly.once('lease', () => void times.push(fly.clock.now()));
  const slow = rollSlowly(fly);
  fly.always('lease', (call) => {
    times.push(fly.clock.now());
    fly.leases.set('m1', nonceOf(call) ?? 'n');
    return { status: 201, body: { data: { nonce: nonceOf(call) ?? 'n' } } };
  });
  assert.equal((await slow).state, 'waiting');
  await fly.clock.advance(60_000);

  assert.ok(times.length >= 3, `${times.length} leases`);
  for (const [index, at] of times.entries()) {
    const pause = at - (times[index - 1] ?? at);
    assert.ok(pause < 20_000, `prolonged after ${pause} ms`);
  }
  const [, ...prolonged] = fly.made('lease').map(nonceOf);
  assert.ok(prolonged.every((nonce) => nonce !== null));
  assert.equal(fly.calls.at(-1)?.action, 'release');
});

test('pitfall 11: each status that passes by itself is looked at again soon, and not at once', async () => {
  for (const action of ['lease', 'update'] as const) {
    for (const status of [409, 412]) {
      using fly = new FleetDouble();
      fly.add('m1');
      fly.once(action, { status, body: { error: 'aborted: concurrent update in progress' } });
      const progress = await fly.app().advanceRollout(TARGET, ROLLING);
      assert.equal(progress.state, 'waiting');
      assert.equal(progress.retryAt, fly.clock.now() + 5_000);
      assert.equal(fly.made(action).length, 1);
      assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
    }
  }
});

test('pitfall 24: no command is run under a lease of our own', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.add('m2', { state: 'stopped' });
  const underLease: string[] = [];
  fly.always('exec', ({ machine = '' }) => {
    if (fly.leases.size > 0) underLease.push(machine);
    return { status: 200, body: { exit_code: 0 } };
  });
  const reload = { path: '/run/token', value: new SecretValue('t') };
  const app = fly.app({ limits: { watchMs: 90_000 } });
  for (let calls = 0; calls < 4; calls += 1) {
    await app.advanceRollout(TARGET, { ...ROLLING, strategy: 'Reload', reload });
  }
  assert.equal(fly.made('exec').length, 1);
  assert.equal(fly.made('update').length, 1);
  assert.deepEqual(underLease, []);
});
