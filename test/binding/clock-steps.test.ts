import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { afterFailure, isBackingOff } from '../../src/binding/attempts.ts';
import { inRunTime } from '../../src/binding/run-time.ts';
import { statusOf } from '../../src/binding/status.ts';
import { wakeTime } from '../../src/binding/wake.ts';
import { failure } from '../../src/failure.ts';
import { aToken, factsWith, HOUR, MINUTE, NOON } from '../support/binding.ts';
import { plan } from './plan.ts';
import { fresh, issue } from './results.ts';

const due = aToken({ issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
/** What the wall clock shows at noon, once it was set back. */
const eleven = NOON - HOUR;
const setBack = { setBackMs: HOUR, random: 0 };

describe('a clock that was set back while a token was in use', () => {
  it('leaves a Retry-After what it is: a floor, counted from now', () => {
    const limited = failure('RateLimited', 'Later.', eleven + 5 * MINUTE);
    const { progress } = plan(factsWith(due, setBack), {
      acquiringToken: { type: 'issueFailed', failure: limited, at: eleven },
    });
    const next = Date.parse(statusOf(progress).attempts?.nextTime ?? '');
    assert.equal(next, NOON + 5 * MINUTE);
  });

  it('leaves the turn at a provider what it is: no run before it', () => {
    const { progress } = plan(factsWith(due, setBack), {
      acquiringToken: { type: 'issueDeferred', deferral: { until: eleven + MINUTE } },
    });
    assert.equal(wakeTime(progress, statusOf(progress)), NOON + MINUTE);
  });

  it('counts as right from the next token on', () => {
    const token = { ...fresh, issuedAt: eleven, expiresAt: NOON };
    const { progress } = plan(factsWith(due, setBack), {
      acquiringToken: { ...issue.acquiringToken, token, at: eleven },
      writingSecret: { type: 'secretWritten', token },
    });
    assert.deepEqual([progress.facts.now, progress.facts.setBackMs], [eleven, 0]);
  });

  it('does not make a token that could not be stored look older than the one before it', () => {
    const held = { token: { ...fresh, issuedAt: eleven - MINUTE, expiresAt: NOON - MINUTE } };
    assert.deepEqual(
      plan(factsWith(due, { ...setBack, held }), { writingSecret: issue.writingSecret }).steps,
      ['writingSecret'],
    );
  });
});

describe('a token from the future, of a clock that was wrong', () => {
  it('gives way to one that could not be stored yet', () => {
    const wrong = aToken({ issuedAt: NOON + HOUR, expiresAt: NOON + 2 * HOUR });
    const held = { token: { ...fresh, issuedAt: NOON - MINUTE } };
    assert.deepEqual(plan(factsWith(wrong, { held }), { writingSecret: issue.writingSecret }).steps, [
      'writingSecret',
    ]);
  });
});

describe('a failure that was noted before the clock was set back', () => {
  const circumstances = { generation: 1, credentialVersion: 'uid/7' };
  const outage = failure('ProviderUnavailable', 'No answer.', NOON + 2 * MINUTE);
  const attempts = afterFailure(undefined, outage, circumstances, { at: NOON, random: 0.5 });

  it('is waited out as long as the clocks differ by seconds', () => {
    assert.equal(isBackingOff(attempts, circumstances, NOON - 10_000), true);
  });

  it('is not waited out for as long as it was set back', () => {
    assert.equal(isBackingOff(attempts, circumstances, eleven), false);
  });
});

describe('the times of a result', () => {
  it('are moved into the time of the run, wherever they stand', () => {
    const platform = failure('PlatformUnavailable', 'No.', 5);
    const machines = { total: 1, current: 0, skipped: 0, failed: 0 };
    assert.deepEqual(inRunTime({ type: 'deliveryFailed', failure: platform, at: 3 }, 100), {
      ...{ type: 'deliveryFailed', at: 103 },
      failure: { ...platform, notBefore: 105 },
    });
    const progress = { machines, done: false, retryAt: 9 };
    assert.deepEqual(inRunTime({ type: 'rolled', progress, at: 3 }, 100), {
      ...{ type: 'rolled', at: 103 },
      progress: { ...progress, retryAt: 109 },
    });
  });
});
