import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configuredChecks, longestInterval } from '../../src/fly/check-interval.ts';

const INTERVALS: readonly (readonly [unknown, number])[] = [
  ['10s', 10_000],
  ['1.5s', 1_500],
  ['500ms', 500],
  ['1m0s', 60_000],
  [15_000_000_000, 15_000],
  ['5m', 60_000],
  ['soon', 60_000],
  [undefined, 60_000],
  [null, 60_000],
];

for (const [interval, ms] of INTERVALS) {
  test(`a check at an interval of ${JSON.stringify(interval)} has run again after ${ms} ms`, () => {
    assert.equal(longestInterval([{ interval }]), ms);
  });
}

test('of several checks the slowest counts, of the machine and of its services; none take no time', () => {
  const config = { checks: { a: { interval: '5s' } }, services: [{ checks: [{ interval: '20s' }] }, {}] };
  assert.equal(longestInterval(configuredChecks(config)), 20_000);
  assert.equal(longestInterval(configuredChecks({})), 0);
});
