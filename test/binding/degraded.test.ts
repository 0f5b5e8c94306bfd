import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextRefresh } from '../../src/binding/due.ts';
import type { Facts } from '../../src/binding/facts.ts';
import { forecastOf } from '../../src/binding/forecast.ts';
import type { ProviderReport, Quota } from '../../src/binding/provider-report.ts';
import { statusOf } from '../../src/binding/status.ts';
import { transitions } from '../../src/binding/transitions.ts';
import { failure } from '../../src/failure.ts';
import { aBinding, aToken, factsWith, HOUR, MINUTE, NOON, someFacts } from '../support/binding.ts';
import { type Course, plan } from './plan.ts';
import { fresh, issue, outage } from './results.ts';

const degradedOf = ({ progress }: Course) =>
  statusOf(progress).conditions?.find(({ type }) => type === 'Degraded');
const reported = (report: ProviderReport) => ({
  ...issue,
  acquiringToken: { ...issue.acquiringToken, report },
});
/** What the next run of the same binding sees. */
const after = (course: Course, change: Partial<Facts> = {}) =>
  factsWith(fresh, {
    now: NOON + MINUTE,
    binding: aBinding({ status: statusOf(course.progress) }),
    ...change,
  });

describe('a binding of which all is well', () => {
  it('has no condition Degraded', () => {
    assert.equal(degradedOf(plan(someFacts(), issue)), undefined);
  });
});

describe('a token that lives too short for the time kept for its renewal', () => {
  const short = aToken({ issuedAt: NOON - MINUTE, expiresAt: NOON + 9 * MINUTE });

  it('is told, with both numbers', () => {
    const degraded = degradedOf(plan(factsWith(short)));
    assert.equal(degraded?.reason, 'LifetimeTooShort');
    assert.match(
      degraded?.message ?? '',
      /live 10m0s, too short to keep the 10 minutes of spec.refresh.minRemaining/,
    );
  });

  it('is fine when the spec asks for less', () => {
    const binding = aBinding({
      spec: { refresh: { atLifetimePercent: 67, jitterPercent: 10, minRemaining: '3m' } },
    });
    assert.equal(degradedOf(plan(factsWith(short, { binding }))), undefined);
  });
});

describe('a renewal that fails until the token is about to expire', () => {
  const due = aToken({ issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
  const fail = (expiresAt: number, notBefore?: number) =>
    plan(factsWith({ ...due, expiresAt }), {
      acquiringToken: { type: 'issueFailed', failure: failure('RateLimited', 'Busy.', notBefore), at: NOON },
    });

  it('is at risk in the last quarter of the lead', () => {
    assert.equal(degradedOf(fail(NOON + 4 * MINUTE)), undefined);
    const course = fail(NOON + 2 * MINUTE);
    assert.equal(degradedOf(course)?.reason, 'OverlapAtRisk');
    const told = transitions(course.progress, statusOf(course.progress)).map(({ reason }) => reason);
    assert.deepEqual(told, ['RateLimited', 'OverlapAtRisk']);
  });

  it('is at risk at once when the provider wants to be asked only after the expiry', () => {
    assert.equal(degradedOf(fail(NOON + 15 * MINUTE, NOON + 14 * MINUTE)), undefined);
    const degraded = degradedOf(fail(NOON + 15 * MINUTE, NOON + 60 * MINUTE));
    assert.equal(degraded?.reason, 'OverlapAtRisk');
    assert.match(
      degraded?.message ?? '',
      /not be asked again before 2026-11-24T13:00:0\dZ, but the token expires/,
    );
  });
});

describe('a clock that differs from the provider by more than half a minute', () => {
  it('is told with size and direction, until it does not', () => {
    const course = plan(someFacts(), reported({ skewMs: -90_000, quotas: [] }));
    assert.match(degradedOf(course)?.message ?? '', /1m30s ahead of the clock of the provider/);
    assert.equal(degradedOf(plan(after(course)))?.reason, 'ClockSkewed');
    const due = after(course, { secret: { state: 'absent' } });
    assert.equal(degradedOf(plan(due, reported({ skewMs: 5_000, quotas: [] }))), undefined);
  });
});

describe('a fallback credential', () => {
  it('is told from the moment it is used until the current one works again', () => {
    const next = { ...issue, acquiringToken: { ...issue.acquiringToken, credentialUsed: 'Next' } } as const;
    const course = plan(someFacts(), next);
    assert.equal(degradedOf(course)?.reason, 'FallbackCredentialUsed');
    assert.equal(degradedOf(plan(after(course)))?.reason, 'FallbackCredentialUsed');
    assert.equal(degradedOf(plan(after(course, { secret: { state: 'absent' } }), issue)), undefined);
  });
});

describe('a quota of tokens', () => {
  const quota = (change: Partial<Quota> = {}): ProviderReport => ({
    quotas: [{ period: 'Day', limit: 100, remaining: 50, resetsAt: NOON + 10 * HOUR, ...change }],
  });

  it('stands in the status until its period is over', () => {
    const course = plan(someFacts(), reported(quota()));
    const period = { period: 'Day', limit: 100, remaining: 50, resetsAt: '2026-11-24T22:00:00Z' };
    assert.deepEqual(statusOf(course.progress).quota?.periods, [period]);
    assert.deepEqual(statusOf(plan(after(course)).progress).quota?.periods, [period]);
    const over = after(course, { now: NOON + 10 * HOUR });
    const renewed = { ...issue, acquiringToken: { ...issue.acquiringToken, at: NOON + 10 * HOUR } };
    assert.equal(statusOf(plan(over, renewed).progress).quota?.periods, undefined);
  });

  it('that is nearly used up makes renewals as late as is safe', () => {
    const course = plan(someFacts(), reported(quota({ remaining: 19 })));
    assert.equal(degradedOf(course)?.reason, 'QuotaLow');
    assert.equal(nextRefresh(course.progress), fresh.expiresAt - 10 * MINUTE);
  });

  it('is low, too, when what is left is less than what will be asked for', () => {
    const report = reported(quota({ remaining: 40 }));
    assert.equal(degradedOf(plan(someFacts({ forecast: 1000 }), report)), undefined);
    assert.equal(degradedOf(plan(someFacts({ forecast: 3000 }), report))?.reason, 'QuotaLow');
  });

  it('is forecast by all bindings of the credential', () => {
    const status = statusOf(plan(someFacts(), issue).progress);
    const refresh = { atLifetimePercent: 50, jitterPercent: 0 };
    const hourly = aBinding({ spec: { refresh }, status });
    assert.equal(forecastOf([hourly]), 1440);
    assert.equal(forecastOf([hourly, hourly, aBinding()]), 2880);
    assert.equal(forecastOf([aBinding({ spec: { refresh, suspend: true }, status })]), 0);
  });
});

describe('several troubles at once', () => {
  it('are one condition: the most pressing reason, all of them in the message', () => {
    const short = aToken({ issuedAt: NOON - 5 * MINUTE, expiresAt: NOON + 1000 });
    const degraded = degradedOf(
      plan(factsWith(short), { acquiringToken: { type: 'issueFailed', failure: outage, at: NOON } }),
    );
    assert.equal(degraded?.reason, 'OverlapAtRisk');
    assert.match(degraded?.message ?? '', /LifetimeTooShort: Tokens live 5m1s/);
  });
});
