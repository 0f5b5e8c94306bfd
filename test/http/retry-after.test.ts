import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryNotBefore } from '../../src/http/retry-after.ts';

const NOW = Date.UTC(2026, 0, 15, 10, 30, 17, 250);
const DAY_MS = 24 * 3_600_000;

const ANSWERS: [what: string, headers: Record<string, string>, at: number | undefined][] = [
  ['seconds', { 'Retry-After': '7' }, NOW + 7_000],
  ['an HTTP date', { 'Retry-After': 'Thu, 15 Jan 2026 11:00:00 GMT' }, Date.UTC(2026, 0, 15, 11)],
  [
    'a reset time',
    { 'X-RateLimit-Reset': `${Date.UTC(2026, 0, 15, 10, 31) / 1000}` },
    Date.UTC(2026, 0, 15, 10, 31),
  ],
  [
    'both: Retry-After wins',
    { 'Retry-After': '7', 'X-RateLimit-Reset': `${(NOW + 60_000) / 1000}` },
    NOW + 7_000,
  ],
  ['more than a day', { 'Retry-After': '31536000' }, NOW + DAY_MS],
  ['nothing', {}, undefined],
  ['zero', { 'Retry-After': '0' }, undefined],
  ['a negative number', { 'Retry-After': '-5' }, undefined],
  ['a date in the past', { 'Retry-After': 'Thu, 15 Jan 2026 10:00:00 GMT' }, undefined],
  ['a reset time in the past', { 'X-RateLimit-Reset': '1' }, undefined],
  ['a date of another format', { 'Retry-After': '2026-01-15T11:00:00Z' }, undefined],
  ['words', { 'Retry-After': 'later' }, undefined],
  ['digits without end', { 'Retry-After': '9'.repeat(400) }, undefined],
];

for (const [what, headers, at] of ANSWERS) {
  test(`asked to come back: ${what}`, () => {
    assert.equal(retryNotBefore(new Headers(headers), NOW), at);
  });
}
