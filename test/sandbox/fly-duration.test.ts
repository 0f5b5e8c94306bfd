import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationMs } from '../../sandbox/fly/duration.ts';

test('a Go duration is the sum of its parts, in milliseconds', () => {
  assert.equal(durationMs('500ms', 0), 500);
  assert.equal(durationMs('15s', 0), 15_000);
  assert.equal(durationMs('1m30s', 0), 90_000);
  assert.equal(durationMs('1.5h', 0), 5_400_000);
});

test('what is absent or no duration is the fallback', () => {
  for (const text of [undefined, '', '15', 'soon', '15s!', 15]) assert.equal(durationMs(text, 7), 7);
});
