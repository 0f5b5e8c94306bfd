import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../controller/metrics.ts';
import { RunRecorder } from '../../controller/run-recorder.ts';
import type { Progress } from '../../src/binding/progress.ts';
import { statusOf } from '../../src/binding/status.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { apply, back, failWith, refusal, SEEN, scene, told } from '../binding/delivery-scene.ts';
import { fresh } from '../binding/results.ts';
import { NOON } from '../support/binding.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A recorder, and what a scrape shows of samples that begin so: without prefix and labels of the object. */
function setUp() {
  const clock = new FakeClock();
  clock.jump(NOON - clock.now());
  const metrics = createMetrics({ version: '0' });
  let stored: TokenBinding | undefined;
  const recorder = new RunRecorder(metrics, { get: () => stored }, clock);
  return {
    /** The run ends, and its status is stored. */
    record: (progress: Progress) => {
      const { binding } = progress.facts;
      stored = { ...binding, status: statusOf(progress) };
      const outcome = { rest: 'current', wakeAt: undefined, progress } as const;
      recorder.record('toolbridge/toolbridge-api', { outcome }, 0.1);
    },
    samples: async (prefix: string) =>
      (await metrics.registry.metrics())
        .split('\n')
        .filter((line) => line.startsWith(`tokenbinding_${prefix}`))
        .map((line) => line.replace('tokenbinding_', '').replace(/namespace="[^"]*",name="[^"]*",/, '')),
  };
}

/** The app is being compared: somebody else wrote its secret. */
const drifted = () =>
  apply(scene({ record: { digest: 'd', heldUntil: '2026-11-24T13:00:00Z' } }), {
    ...{ type: 'driftChecked', digest: 'theirs', at: NOON },
  });
const counted = (current: number) => ({
  progress: { machines: { total: 3, current, skipped: 0, failed: 0 }, done: current === 3 },
});

test('a delivery whose drift is being repaired is not current, and the write counts', async () => {
  const { record, samples } = setUp();
  record(apply(drifted(), back[0], { type: 'rolled', ...counted(1), at: NOON }));
  assert.deepEqual(await samples('delivery_current'), ['delivery_current{delivery="mcp"} 0']);
  assert.deepEqual(await samples('delivery_writes'), ['delivery_writes_total{result="success"} 1']);
  record(apply(drifted(), back[0], { type: 'rolled', ...counted(3), at: NOON }));
  assert.deepEqual(await samples('delivery_current'), ['delivery_current{delivery="mcp"} 1']);
});

test('a rollback counts as such when the machine has the previous token, and no machine as failed', async () => {
  const { record, samples } = setUp();
  record(apply(scene(), refusal));
  assert.deepEqual(await samples('rollouts_total'), []);
  assert.ok(
    (await samples('rollout_machines')).includes('rollout_machines{delivery="mcp",state="failed"} 1'),
  );
  record(apply(scene(), refusal, ...back));
  assert.deepEqual(await samples('rollouts_total'), ['rollouts_total{result="rolledBack"} 1']);
  assert.ok(
    (await samples('rollout_machines')).includes('rollout_machines{delivery="mcp",state="failed"} 0'),
  );
});

test('a rollback that fails is a failed rollout once the secret is written, and a failed write before', async () => {
  const { record, samples } = setUp();
  record(apply(scene(), refusal, failWith(told('Fly is down.', 'PlatformUnavailable'))));
  assert.deepEqual(await samples('delivery_writes'), ['delivery_writes_total{result="failure"} 1']);
  record(apply(scene(), refusal, back[0], failWith(told(SEEN))));
  assert.deepEqual(await samples('rollouts_total'), ['rollouts_total{result="failure"} 1']);
});

test('a delivery shows until when its consumers are served, and why it fails for as long as it does', async () => {
  const { record, samples } = setUp();
  const noon = NOON / 1000;
  record(apply(scene(), failWith(told('Fly is down.', 'PlatformUnavailable'))));
  assert.deepEqual(await samples('delivery_held_until'), [
    `delivery_held_until_timestamp_seconds{delivery="mcp"} ${noon + 15 * 60}`,
  ]);
  assert.deepEqual(await samples('delivery_failure'), [
    'delivery_failure{delivery="mcp",reason="PlatformUnavailable"} 1',
  ]);
  record(apply(scene(), failWith(told('Refused.', 'Unauthorized'))));
  assert.deepEqual(await samples('delivery_failure'), [
    'delivery_failure{delivery="mcp",reason="Unauthorized"} 1',
  ]);
  record(apply(scene(), ...back));
  assert.deepEqual(await samples('delivery_failure'), []);
  assert.deepEqual(await samples('delivery_held_until'), [
    `delivery_held_until_timestamp_seconds{delivery="mcp"} ${fresh.expiresAt / 1000}`,
  ]);
});
