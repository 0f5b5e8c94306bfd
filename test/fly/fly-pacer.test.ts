import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFlyPacer, HeldBackError } from '../../src/fly/fly-pacer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ApiDouble } from './api-double.ts';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

const SECRETS = { key: 'POST secrets shop', isMachineRead: false };
const MACHINE = { key: 'GET machine shop m1', isMachineRead: true };
const PATIENCE_MS = 10_000;
const TARGET = { secretsVersion: 7, marker: 'marker' };

/** Fly's own bucket: refills at `perSecond` up to `burst`. */
function admits(times: readonly number[], perSecond: number, burst: number): boolean {
  let tokens = burst;
  let last = times[0] ?? 0;
  return times.every((at) => {
    tokens = Math.min(burst, tokens + ((at - last) / 1_000) * perSecond) - 1;
    last = at;
    return tokens >= 0;
  });
}

for (const [bucket, perSecond, burst] of [
  [SECRETS, 1, 3],
  [MACHINE, 5, 10],
] as const) {
  test(`${bucket.key}: forty callers at once stay within ${perSecond} a second, burst ${burst}`, async () => {
    const clock = new FakeClock();
    const pacer = createFlyPacer(clock);
    const sent: number[] = [];
    const callers = Array.from({ length: 40 }, async () => {
      await pacer.turn(bucket, 60_000);
      sent.push(clock.monotonic());
    });
    await clock.advance(60_000);
    await Promise.all(callers);

    assert.equal(sent.length, 40);
    assert.equal(sent[burst - 1], sent[0], 'the burst goes at once');
    assert.ok(admits(sent, perSecond, burst));
    assert.ok((sent[39] ?? 0) - (sent[0] ?? 0) <= ((40 - burst) / perSecond) * 1_200, 'and not much slower');
  });
}

test('one bucket does not hold up another', async () => {
  const pacer = createFlyPacer(new FakeClock());
  for (let i = 0; i < 3; i += 1) await pacer.turn(SECRETS, 0);
  await assert.rejects(pacer.turn(SECRETS, 0), HeldBackError);
  await pacer.turn({ ...SECRETS, key: 'POST secrets other' }, 0);
});

test('a turn that is further away than the caller would wait is refused at once, and costs nobody anything', async () => {
  const clock = new FakeClock();
  const pacer = createFlyPacer(clock);
  pacer.pause(SECRETS, 30_000);
  for (let i = 0; i < 5; i += 1) {
    await assert.rejects(pacer.turn(SECRETS, PATIENCE_MS), (error: unknown) => {
      assert.ok(error instanceof HeldBackError);
      assert.equal(error.waitMs, 30_000);
      return true;
    });
  }
  await clock.advance(30_000);
  await pacer.turn(SECRETS, 0);
});

test('a caller that gives up meanwhile is told its own reason', async () => {
  const clock = new FakeClock();
  const pacer = createFlyPacer(clock);
  pacer.pause(SECRETS, 5_000);
  const stop = new AbortController();
  const turn = pacer.turn(SECRETS, PATIENCE_MS, stop.signal);
  stop.abort(new Error('shutting down'));
  await assert.rejects(turn, { message: 'shutting down' });
  assert.equal(clock.timers, 0);
});

test('what one holder of an app is told to wait, every holder of it waits', async () => {
  using fly = new ApiDouble();
  const pacer = createFlyPacer(fly.clock);
  fly.always('list', { status: 429, headers: { 'retry-after': '90' } });
  await assert.rejects(fly.app({ pacer }).advanceRollout(TARGET, ROLLING));
  assert.equal(fly.made('list').length, 1);

  await assert.rejects(fly.app({ pacer }).advanceRollout(TARGET, ROLLING), ({ failure }) => {
    assert.deepEqual([failure.reason, failure.disposition], ['PlatformUnavailable', 'retry']);
    assert.equal(failure.notBefore, fly.clock.now() + 90_000);
    assert.match(failure.message, /list its machines: not asked yet, to stay within Fly's rate limit/);
    return true;
  });
  assert.equal(fly.made('list').length, 1, 'the second holder does not even ask');
});

test('a machine whose turn is far off is waited for; nothing else is tried in its place', async () => {
  using fly = new FleetDouble();
  const pacer = createFlyPacer(fly.clock);
  fly.add('m1');
  fly.once('lease', { status: 429, headers: { 'retry-after': '90' } });
  await fly.app({ pacer }).advanceRollout(TARGET, ROLLING);

  const progress = await fly.app({ pacer }).advanceRollout(TARGET, ROLLING);

  assert.equal(progress.state, 'waiting');
  assert.equal(progress.retryAt, progress.failure?.notBefore);
  assert.ok(Math.abs((progress.retryAt ?? 0) - fly.clock.now() - 90_000) < 10);
  assert.equal(fly.made('lease').length, 1);
});
