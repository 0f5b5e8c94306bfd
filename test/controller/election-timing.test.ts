import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_TIMING, type ElectionTiming, timingFaults } from '../../controller/election-timing.ts';

function demands(change: Partial<ElectionTiming>): string[] {
  return timingFaults({ ...DEFAULT_TIMING, ...change }).map(({ period, demand }) => `${period} ${demand}`);
}

test('the default timing keeps the rules', () => {
  assert.deepEqual(demands({}), []);
});

test('timing that lets two lead at once is refused', () => {
  assert.deepEqual(demands({ renewDeadlineMs: 15_000 }), [
    'leaseDurationMs must be longer than the renew deadline',
  ]);
});

test('timing that allows a single try to renew is refused', () => {
  const demand = ['renewDeadlineMs must be longer than 1.2 times the retry period'];
  assert.deepEqual(demands({ retryPeriodMs: 8_334 }), demand);
  assert.deepEqual(demands({ retryPeriodMs: 8_333 }), []);
});

test('timing that never rests is refused', () => {
  assert.deepEqual(demands({ retryPeriodMs: 0 }), ['retryPeriodMs must be longer than zero']);
});

test('a duration that a Lease cannot store is refused', () => {
  const demand = ['leaseDurationMs must be whole seconds, at least one'];
  assert.deepEqual(demands({ leaseDurationMs: 15_500 }), demand);
  assert.deepEqual(demands({ leaseDurationMs: 0, renewDeadlineMs: -1, retryPeriodMs: -2 }), [
    ...demand,
    'retryPeriodMs must be longer than zero',
  ]);
});
