import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { createMetrics, type Metrics } from '../../controller/metrics.ts';
import { RunRecorder } from '../../controller/run-recorder.ts';
import type { Progress } from '../../src/binding/progress.ts';
import { fold } from '../../src/binding/results.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { aBinding, aDelivery, aToken, factsWith, MINUTE, NOON, someProgress } from '../support/binding.ts';
import { FakeClock } from '../support/fake-clock.ts';

const KEY = 'toolbridge/toolbridge-api';
const WRITE = { secretsVersion: 3, digest: 'd' };
const MACHINES = { total: 2, current: 2, skipped: 0, failed: 0 };

let metrics: Metrics;
let recorder: RunRecorder;
let stored: TokenBinding | undefined;
beforeEach(() => {
  metrics = createMetrics({ version: '0' });
  stored = undefined;
  const clock = new FakeClock();
  clock.jump(NOON - clock.now());
  recorder = new RunRecorder(metrics, { get: () => stored }, clock);
});

/** The samples whose name begins so, as a scrape shows them: without prefix, zeroes and buckets left out. */
async function samples(prefix: string): Promise<string[]> {
  const lines = (await metrics.registry.metrics()).split('\n');
  return lines
    .filter((line) => line.startsWith(`tokenbinding_${prefix}`) && !/_bucket\{| 0$/.test(line))
    .map((line) => line.slice('tokenbinding_'.length));
}

function record(progress: Progress, rest: 'current' | 'waiting' | 'stalled' = 'current'): void {
  recorder.record(KEY, { outcome: { rest, wakeAt: undefined, progress } }, 0.5);
}

/** A run of a binding with one delivery, whose token was issued ten minutes ago. */
const aRun = (deliveries = [aDelivery()]) =>
  someProgress(factsWith(aToken(), { binding: aBinding({ spec: { deliveries } }) }));
const about = (progress: Progress): Progress => ({ ...progress, subject: 'mcp' });
const written = (progress: Progress) =>
  fold.flySecretSet(about(progress), { type: 'flySecretSet', write: WRITE, at: NOON });
const rolledOut = (progress: Progress) =>
  fold.rolled(about(progress), {
    type: 'rolled',
    progress: { machines: MACHINES, done: true },
    at: NOON,
  });
const failed = (progress: Progress) =>
  fold.deliveryFailed(about(progress), {
    type: 'deliveryFailed',
    failure: { reason: 'Unauthorized', disposition: 'stall', message: 'no' },
    at: NOON,
  });

test('runs are counted by how they ended, and timed', async () => {
  record(aRun(), 'waiting');
  recorder.record(KEY, { outcome: undefined }, 0.25);
  recorder.record(KEY, { error: 'fenced' }, 0.25);
  assert.deepEqual(await samples('reconcile_total'), [
    'reconcile_total{result="waiting"} 1',
    'reconcile_total{result="removed"} 1',
    'reconcile_total{result="fenced"} 1',
  ]);
  assert.deepEqual(await samples('reconcile_duration'), [
    'reconcile_duration_seconds_sum 1',
    'reconcile_duration_seconds_count 3',
  ]);
});

test('a refresh counts when its token is stored, a failed one by its reason', async () => {
  record({ ...aRun([]), refreshed: true });
  const issueFailure = { reason: 'RateLimited', disposition: 'retry', message: 'slow down' } as const;
  record({ ...aRun([]), issueFailure });
  record(aRun([]));
  assert.deepEqual(await samples('refreshes_total'), [
    'refreshes_total{result="success",reason="Issued"} 1',
    'refreshes_total{result="failure",reason="RateLimited"} 1',
  ]);
});

test('a refresh has lasted from the request of its token until the last delivery has it', async () => {
  record({ ...written(aRun()), refreshed: true }, 'waiting');
  assert.deepEqual(await samples('refresh_duration'), []);
  record(rolledOut(written(aRun())));
  assert.deepEqual(await samples('refresh_duration'), [
    `refresh_duration_seconds_sum ${(10 * MINUTE) / 1000}`,
    'refresh_duration_seconds_count 1',
  ]);
});

test('a write to a delivery counts once, in the run that made it', async () => {
  const progress = written(aRun());
  record(progress);
  assert.deepEqual(await samples('delivery_writes'), ['delivery_writes_total{result="success"} 1']);
  const status = { deliveries: [...progress.deliveries] };
  const spec = { deliveries: [aDelivery()] };
  record(someProgress(factsWith(aToken(), { binding: aBinding({ spec, status }) })));
  assert.deepEqual(await samples('delivery_writes'), ['delivery_writes_total{result="success"} 1']);
});

test('a failure before the token is in the vault is one of the write, after it one of the rollout', async () => {
  record(failed(aRun()), 'stalled');
  assert.deepEqual(await samples('delivery_writes'), ['delivery_writes_total{result="failure"} 1']);
  assert.deepEqual(await samples('rollouts_total'), []);
  record(failed(written(aRun())), 'stalled');
  assert.deepEqual(await samples('rollouts_total'), ['rollouts_total{result="failure"} 1']);
});

test('a rollout counts when its last machine is done', async () => {
  record(rolledOut(written(aRun())));
  assert.deepEqual(await samples('rollouts_total'), ['rollouts_total{result="success"} 1']);
  assert.deepEqual(await samples('rollout_duration_seconds_count'), ['rollout_duration_seconds_count 1']);
});

test('the series of a binding show it as stored, and go with it', async () => {
  stored = aBinding({
    spec: { suspend: true },
    status: {
      token: {
        id: 'a',
        issuedAt: '2026-11-24T11:50:00Z',
        expiresAt: '2026-11-24T12:50:00Z',
        lifetime: '1h',
      },
      nextRefreshTime: '2026-11-24T12:30:00Z',
      attempts: { consecutive: 4 },
      deliveries: [...rolledOut(written(aRun())).deliveries].map((delivery) => ({
        ...delivery,
        tokenId: 'a',
      })),
    },
  });
  record(aRun());
  const labels = 'namespace="toolbridge",name="toolbridge-api"';
  const seconds = (minutes: number) => (NOON + minutes * MINUTE) / 1000;
  assert.deepEqual(await samples('token_issued'), [
    `token_issued_timestamp_seconds{${labels}} ${seconds(-10)}`,
  ]);
  assert.deepEqual(await samples('token_expiration'), [
    `token_expiration_timestamp_seconds{${labels}} ${seconds(50)}`,
  ]);
  assert.deepEqual(await samples('next_refresh'), [
    `next_refresh_timestamp_seconds{${labels}} ${seconds(30)}`,
  ]);
  assert.deepEqual(await samples('consecutive_failures'), [`consecutive_failures{${labels}} 4`]);
  assert.deepEqual(await samples('suspended'), [`suspended{${labels}} 1`]);
  assert.deepEqual(await samples('delivery_current'), [`delivery_current{${labels},delivery="mcp"} 1`]);
  stored = undefined;
  recorder.record(KEY, { outcome: undefined }, 0);
  assert.deepEqual(await samples('token_issued'), []);
});

test('a delivery that holds another token than the stored one is not current', async () => {
  const { deliveries } = rolledOut(written(aRun()));
  stored = aBinding({
    status: {
      token: { id: 'b', issuedAt: '2026-11-24T11:50:00Z', expiresAt: '2026-11-24T12:50:00Z', lifetime: '1h' },
      deliveries: [...deliveries],
    },
  });
  record(aRun());
  assert.deepEqual(await samples('delivery_current'), []);
});

test('a run that broke off leaves the series alone', async () => {
  stored = aBinding({ status: { attempts: { consecutive: 1 } } });
  record(aRun());
  stored = undefined;
  recorder.record(KEY, { error: 'error' }, 0);
  assert.equal((await samples('consecutive_failures')).length, 1);
});
