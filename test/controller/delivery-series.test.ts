import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../controller/metrics.ts';
import { RunRecorder } from '../../controller/run-recorder.ts';
import type { Progress } from '../../src/binding/progress.ts';
import { fold } from '../../src/binding/results.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { recorded } from '../binding/results.ts';
import { aBinding, aDelivery, aToken, factsWith, MINUTE, NOON, someProgress } from '../support/binding.ts';
import { FakeClock } from '../support/fake-clock.ts';

const KEY = 'toolbridge/toolbridge-api';
const SERIES =
  'tokenbinding_overlap_margin_seconds{namespace="toolbridge",name="toolbridge-api",delivery="mcp"}';
const token = aToken({ issuedAt: NOON, expiresAt: NOON + 60 * MINUTE });

/** A recorder at noon whose cache holds that binding. */
function setUp(stored: () => TokenBinding | undefined) {
  const clock = new FakeClock();
  clock.jump(NOON - clock.now());
  const metrics = createMetrics({ version: '0' });
  const recorder = new RunRecorder(metrics, { get: stored }, clock);
  const shown = async () => (await metrics.registry.metrics()).split('\n');
  const record = (progress: Progress) =>
    recorder.record(KEY, { outcome: { rest: 'current', wakeAt: undefined, progress } }, 0.1);
  return { shown, record };
}

/** A binding whose consumers hold a token until then. */
function held(heldUntil: string): TokenBinding {
  const deliveries = recorded('Retain').deliveries.map((record) => ({ ...record, heldUntil }));
  return aBinding({ spec: { deliveries: [aDelivery()] }, status: { deliveries } });
}

const machines = { total: 1, current: 1, skipped: 0, failed: 0 };
function rolledOut(binding: TokenBinding): Progress {
  const start = { ...someProgress(factsWith(token, { binding })), subject: 'mcp' };
  const written = fold.flySecretSet(start, {
    ...{ type: 'flySecretSet', write: { secretsVersion: 3, digest: 'd' }, at: NOON },
  });
  return fold.rolled(written, { type: 'rolled', progress: { machines, done: true }, at: NOON });
}

test('the overlap margin is what the old token had left when the last machine had the new one', async () => {
  let stored: TokenBinding | undefined = held('2026-11-24T12:07:00Z');
  const { shown, record } = setUp(() => stored);
  record(rolledOut(stored));
  assert.ok((await shown()).includes(`${SERIES} 420`));
  record(someProgress(factsWith(token, { binding: stored })));
  assert.ok((await shown()).includes(`${SERIES} 420`), 'a run that rolls nothing out leaves it');
  stored = undefined;
  record(someProgress(factsWith(token, { binding: held('2026-11-24T12:07:00Z') })));
  assert.ok(!(await shown()).some((line) => line.startsWith(SERIES)), 'it goes with the binding');
});

test('an overlap that was missed shows as a negative margin', async () => {
  const stored = held('2026-11-24T11:59:30Z');
  const { shown, record } = setUp(() => stored);
  record(rolledOut(stored));
  assert.ok((await shown()).includes(`${SERIES} -30`));
});

test('a first delivery, and one of the same token again, have no margin', async () => {
  const again = held('2026-11-24T13:00:00Z');
  for (const binding of [again, aBinding({ spec: { deliveries: [aDelivery()] } })]) {
    const { shown, record } = setUp(() => binding);
    record(rolledOut(binding));
    assert.ok(!(await shown()).some((line) => line.startsWith(SERIES)));
  }
});

test('every secret found to be written by somebody else is counted', async () => {
  const binding = held('2026-11-24T12:07:00Z');
  const { shown, record } = setUp(() => binding);
  record({ ...someProgress(factsWith(token, { binding })), driftFound: ['mcp', 'other'] });
  assert.ok((await shown()).includes('tokenbinding_delivery_drift_total 2'));
});
