import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, APP } from './api-double.ts';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

const TARGET = { secretsVersion: 7, marker: 'marker' };
const HTML: Answer = {
  status: 504,
  body: '<html><body>canary-body 504 Gateway Time-out</body></html>',
  headers: { 'content-type': 'text/html' },
};

test('a machine that somebody else brought up to date after the list is left alone', async () => {
  using fly = new FleetDouble();
  const machine = fly.add('m1');
  fly.once('lease', () => {
    machine.config.metadata.marker = 'm1:7';
    return undefined;
  });

  const progress = await fly.app().advanceRollout(TARGET, ROLLING);

  assert.equal(progress.state, 'done');
  assert.equal(progress.updatedMachines, undefined);
  assert.equal(fly.made('update').length, 0);
  assert.equal(fly.leases.size, 0);
});

test('a machine that began to change after the list is not updated in the middle of it', async () => {
  using fly = new FleetDouble();
  const machine = fly.add('m1');
  fly.once('lease', () => {
    machine.state = 'stopping';
    return undefined;
  });

  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'waiting');
  assert.equal(fly.made('update').length, 0);
});

test("somebody's lease is respected: no update, look again later", async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.leases.set('m1', 'of a fly deploy');

  const progress = await fly.app().advanceRollout(TARGET, ROLLING);

  assert.equal(progress.state, 'waiting');
  assert.equal(progress.retryAt, fly.clock.now() + 5_000);
  assert.match(progress.failure?.message ?? '', /lease of machine m1.*HTTP 409/);
  assert.equal(fly.made('update').length, 0);
  assert.equal(fly.leases.get('m1'), 'of a fly deploy');
});

for (const status of [409, 412, 429]) {
  test(`an update refused with ${status} is tried again later, the lease given back`, async () => {
    using fly = new FleetDouble();
    fly.add('m1');
    fly.once('update', { status, body: { error: 'canary-body' } });

    const progress = await fly.app().advanceRollout(TARGET, ROLLING);
    assert.equal(progress.state, 'waiting');
    assert.ok((progress.retryAt ?? 0) > fly.clock.now());
    assert.equal(fly.leases.size, 0);

    assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
  });
}

test('an update that Fly will never accept fails the rollout', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.once('update', { status: 422, body: { error: 'canary-body' } });

  const { state, failure } = await fly.app().advanceRollout(TARGET, ROLLING);

  assert.equal(state, 'failed');
  assert.deepEqual([failure?.reason, failure?.disposition], ['RolloutFailed', 'stall']);
  assert.equal(fly.leases.size, 0);
});

test('the pause that a rate limit asks for is kept', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.once('lease', { status: 429, headers: { 'retry-after': '30' } });

  const progress = await fly.app().advanceRollout(TARGET, ROLLING);

  assert.equal(progress.state, 'waiting');
  assert.equal(progress.retryAt, fly.clock.now() + 30_000);
});

test('a rate limit on the list is waited out when it is short', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.once('list', { status: 429, headers: { 'retry-after': '1' } });
  assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');

  fly.once('list', { status: 429, headers: { 'retry-after': '600' } });
  await assert.rejects(fly.app().advanceRollout(TARGET, ROLLING), ({ failure }) => {
    assert.equal(failure.disposition, 'retry');
    assert.equal(failure.notBefore, fly.clock.now() + 600_000);
    return true;
  });
});

test('an HTML error page in the middle is a platform failure to be retried, and the lease is given back', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.once('get', HTML);

  await assert.rejects(fly.app().advanceRollout(TARGET, ROLLING), ({ failure, message }) => {
    assert.deepEqual([failure.reason, failure.disposition], ['PlatformUnavailable', 'retry']);
    assert.match(message, new RegExp(`Fly app ${APP}: could not read machine m1: Fly answered HTTP 504`));
    assert.doesNotMatch(message, /canary-body/);
    return true;
  });
  assert.equal(fly.leases.size, 0);
});

test('a rollout that is called off gives the lease back and says nothing about Fly', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  const stop = new AbortController();
  fly.once('get', () => void stop.abort(new Error('shutting down')));

  await assert.rejects(fly.app().advanceRollout(TARGET, ROLLING, stop.signal), { message: 'shutting down' });
  assert.equal(fly.made('update').length, 0);
  assert.equal(fly.leases.size, 0);
});
