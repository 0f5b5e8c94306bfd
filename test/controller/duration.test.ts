import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDuration } from '../../controller/duration.ts';

test('units add up', () => {
  assert.equal(parseDuration('1h2m3s4ms'), 3_723_004);
  assert.equal(parseDuration('1.5s'), 1_500);
  assert.equal(parseDuration('0s'), 0);
});

test('what is not numbers with units is no duration', () => {
  for (const text of ['', '15', 's', '-1s', '1 s', '1d', '1s ', '1.s', '.5s', 'Infinity']) {
    assert.equal(parseDuration(text), undefined, text);
  }
});

test('milliseconds are read as written', () => {
  fc.assert(fc.property(fc.nat(), (ms) => parseDuration(`${ms}ms`) === ms));
});
