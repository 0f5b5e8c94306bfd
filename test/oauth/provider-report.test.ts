import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readReport } from '../../src/oauth/provider-report.ts';

const SENT = Date.UTC(2026, 0, 15, 10, 30, 17, 250);
const RECEIVED = SENT + 500;

function report(headers: Record<string, string>) {
  return readReport(new Headers(headers), { sentAt: SENT, receivedAt: RECEIVED });
}

const quotas = (client: string) => report({ 'Auth0-Client-Quota-Limit': client }).quotas;

const hour = (limit: number, remaining: number, seconds: number) => ({
  period: 'Hour',
  limit,
  remaining,
  resetsAt: RECEIVED + seconds * 1000,
});
const day = (limit: number, remaining: number, seconds: number) => ({
  ...hour(limit, remaining, seconds),
  period: 'Day',
});

test('a response that tells nothing makes an empty report', () =>
  assert.deepEqual(report({}), { quotas: [] }));

test('the skew is Date against the middle of the exchange', () => {
  assert.equal(report({ Date: 'Thu, 15 Jan 2026 10:30:17 GMT' }).skewMs, -500);
  assert.equal(report({ Date: 'Thu, 15 Jan 2026 10:35:17 GMT' }).skewMs, 299_500);
  assert.equal(report({ Date: 'Thu, 15 Jan 2026 09:30:17 GMT' }).skewMs, -3_600_500);
});

const NO_DATES = [
  '',
  'now',
  '1768473017',
  '2026-01-15T10:30:17Z',
  'Thu, 15 Jan 2026 10:30:17',
  'Thu, 15 Jan 2026 10:30:17 +0000',
  'Thu, 99 Jan 2026 10:30:17 GMT',
  'Thu, 15 Foo 2026 10:30:17 GMT',
  'Thu, 15 Jan 2026 10:30:17 GMT, Thu, 15 Jan 2026 10:30:17 GMT',
];

test('a Date that cannot be read tells no skew', () => {
  for (const value of NO_DATES) assert.deepEqual(report({ Date: value }), { quotas: [] }, value);
});

test('the quotas of a client are read as Auth0 documents them', () => {
  assert.deepEqual(quotas('b=per_hour;q=10;r=7;t=3540,b=per_day;q=50;r=47;t=43200'), [
    hour(10, 7, 3540),
    day(50, 47, 43_200),
  ]);
});

test('white space and the order of fields do not matter', () =>
  assert.deepEqual(quotas(' t=5 ; r=0;q=10; b=per_hour , '), [hour(10, 0, 5)]));

test('a quota that was overrun has nothing left', () =>
  assert.deepEqual(quotas('b=per_hour;q=10;r=-2;t=5'), [hour(10, 0, 5)]));

const BOTH: [what: string, client: string, organization: string, expected: object[]][] = [
  ['the one with less left', 'b=per_hour;q=10;r=7;t=60', 'b=per_hour;q=50;r=3;t=60', [hour(50, 3, 60)]],
  ['in either header', 'b=per_hour;q=10;r=2;t=60', 'b=per_hour;q=50;r=3;t=60', [hour(10, 2, 60)]],
  ['of equals the one that lasts', 'b=per_day;q=10;r=0;t=60', 'b=per_day;q=50;r=0;t=90', [day(50, 0, 90)]],
  [
    'per period',
    'b=per_hour;q=10;r=1;t=60,b=per_day;q=9;r=9;t=99',
    'b=per_hour;q=5;r=5;t=60,b=per_day;q=8;r=8;t=99',
    [hour(10, 1, 60), day(8, 8, 99)],
  ],
];

for (const [what, client, organization, expected] of BOTH) {
  test(`of two headers the tighter quota counts: ${what}`, () => {
    const headers = { 'Auth0-Client-Quota-Limit': client, 'Auth0-Organization-Quota-Limit': organization };
    assert.deepEqual(report(headers).quotas, expected);
  });
}

const GARBAGE = [
  '',
  'b=per_hour',
  'b=per_minute;q=10;r=7;t=5',
  'b=constructor;q=10;r=7;t=5',
  'b=per_hour;q=10;r=7',
  'b=per_hour;q=ten;r=7;t=5',
  'b=per_hour;q=1e3;r=7;t=5',
  'b=per_hour;q=10;r=7;t=-5',
  'b=per_hour;q=10;r=11;t=5',
  'b=per_hour;q=-1;r=-1;t=5',
  'b=per_hour;q=10;r=7;t=3601',
  'b=per_day;q=10;r=7;t=86401',
  'b=per_hour;q=99999999999;r=7;t=5',
  'q=10;r=7;t=5',
  ';;;,,,===',
];

for (const bucket of GARBAGE) {
  test(`a bucket that cannot be read is left out, its neighbour is not: "${bucket}"`, () => {
    assert.deepEqual(quotas(`${bucket},b=per_day;q=50;r=47;t=43200`), [day(50, 47, 43_200)]);
  });
}

test('a header without end is not read', () =>
  assert.deepEqual(quotas(`b=per_hour;q=10;r=7;t=5${','.repeat(5000)}`), []));

test('limits of requests per second are no quota', () => {
  const headers = {
    'x-ratelimit-limit': '30',
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': '1768473018',
  };
  assert.deepEqual(report(headers), { quotas: [] });
});

const NAMES = ['date', 'auth0-client-quota-limit', 'auth0-organization-quota-limit'];
const WORDS = ['b=', 'per_hour', 'per_day', 'q=', 'r=', 't=', ';', ',', '-', '1', '0', '99', ' '];
const LIKELY = fc.array(fc.constantFrom(...WORDS), { maxLength: 60 }).map((words) => words.join(''));

test('no text of a header makes it throw, and every quota is one that can be', () => {
  const text = fc.option(fc.oneof(fc.string({ unit: 'binary' }), LIKELY), { nil: null });
  fc.assert(
    fc.property(fc.tuple(text, text, text), (texts) => {
      const get = (name: string) => texts[NAMES.indexOf(name)] ?? null;
      const { skewMs, quotas } = readReport({ get }, { sentAt: SENT, receivedAt: RECEIVED });
      assert.ok(skewMs === undefined || Number.isFinite(skewMs));
      assert.ok(quotas.length <= 2);
      for (const { remaining, limit, resetsAt } of quotas) {
        assert.ok(remaining >= 0 && remaining <= limit);
        assert.ok(resetsAt >= RECEIVED && resetsAt <= RECEIVED + 24 * 3_600_000);
      }
    }),
    { numRuns: 2000 },
  );
});
