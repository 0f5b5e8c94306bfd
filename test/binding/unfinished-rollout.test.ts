import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Facts } from '../../src/binding/facts.ts';
import { REFRESH_REQUESTED_AT } from '../../src/binding/names.ts';
import { statusOf } from '../../src/binding/status.ts';
import type { StepResult } from '../../src/binding/step-result.ts';
import type { DeliveryStatus } from '../../src/binding/token-binding.generated.ts';
import { wakeTime } from '../../src/binding/wake.ts';
import { failure } from '../../src/failure.ts';
import { aBinding, aDelivery, aToken, factsWith, HOUR, MINUTE, NOON } from '../support/binding.ts';
import { plan } from './plan.ts';
import { deliver, issue, machines, recorded } from './results.ts';

const spec = { deliveries: [aDelivery()] };
/** Of one hour, of which three quarters are over: time to renew it, and ten minutes before that is urgent. */
const token = aToken({ issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
const URGENT = token.expiresAt - (10 * MINUTE) / 4;
const RETRY = NOON + 4_000;
const moving: StepResult = {
  ...{ type: 'rolled', at: NOON },
  progress: { machines: { ...machines, current: 1 }, done: false, retryAt: RETRY },
};
const results = { ...issue, ...deliver };

/** Its app has the token, and the first of two machines. */
function underWay(change: Partial<Facts> = {}, record: Partial<DeliveryStatus> = {}): Facts {
  const [settled] = recorded('Retain').deliveries;
  const condition = { ...settled?.conditions[0], status: 'False', reason: 'RollingOut' };
  const { machines: _, lastRolloutDuration: _none, ...rest } = settled as DeliveryStatus;
  const delivery = { ...rest, tokenId: token.id, conditions: [condition], ...record } as DeliveryStatus;
  return factsWith(token, { binding: aBinding({ spec, status: { deliveries: [delivery] } }), ...change });
}

describe('a token that is due to be renewed while it is on its way to machines', () => {
  it('is let reach them all first, and the status says until when at most', () => {
    const { steps, rest, progress } = plan(underWay(), { ...results, rollingOut: moving });
    assert.deepEqual([steps, rest], [['rollingOut'], 'waiting']);
    const status = statusOf(progress);
    assert.equal(Date.parse(status.nextRefreshTime ?? ''), URGENT);
    assert.equal(wakeTime(progress, status), RETRY);
  });

  it('is not held back by one that takes far longer than any before', () => {
    const slow = { lastRolloutDuration: '10s', rolloutStartedAt: new Date(NOON).toISOString() };
    const early = plan(underWay({ now: NOON + 19_999 }, slow), { ...results, rollingOut: moving });
    assert.deepEqual(early.steps, ['rollingOut']);
    assert.equal(Date.parse(statusOf(early.progress).nextRefreshTime ?? ''), NOON + 20_000);
    const late = plan(underWay({ now: NOON + 20_000 }, slow), { ...results, rollingOut: moving });
    assert.equal(late.steps[0], 'acquiringToken');
  });

  it('is not put off before its time has come', () => {
    const { progress } = plan(underWay({ now: NOON - 20 * MINUTE }), { ...results, rollingOut: moving });
    assert.ok(Date.parse(statusOf(progress).nextRefreshTime ?? '') <= NOON);
  });

  it('is renewed in the same run in which the last machine has it', () => {
    const { steps } = plan(underWay(), results);
    assert.deepEqual(steps.slice(0, 2), ['rollingOut', 'acquiringToken']);
  });

  it('is renewed all the same once that is urgent', () => {
    const { steps } = plan(underWay({ now: URGENT }), { ...results, rollingOut: moving });
    assert.equal(steps[0], 'acquiringToken');
  });

  it('is renewed at once when somebody asks for that', () => {
    const { metadata, ...others } = underWay().binding;
    const annotations = { [REFRESH_REQUESTED_AT]: '2026-11-24T11:59:00Z' };
    const binding = { ...others, metadata: { ...metadata, annotations } };
    const { steps } = plan(underWay({ binding }), { ...results, rollingOut: moving });
    assert.equal(steps[0], 'acquiringToken');
  });

  it('is not held back by a rollout that failed and waits', () => {
    const attempts = {
      ...{ consecutive: 1, lastFailureReason: 'RolloutFailed' as const, observedGeneration: 1 },
      credentialVersion: 'uid/8',
      lastFailureTime: new Date(NOON).toISOString(),
      nextTime: new Date(NOON + HOUR).toISOString(),
    };
    assert.equal(plan(underWay({}, { attempts }), results).steps[0], 'acquiringToken');
  });

  it('is not held back by an app that was not written to yet: that gets the new one', () => {
    const { steps } = plan(underWay({}, { tokenId: 'bbbbbbbbbbbbbbbb' }), results);
    assert.equal(steps[0], 'acquiringToken');
  });
});

describe('a token whose rollout failed, so that machines hold the one before', () => {
  const attempts = {
    ...{ consecutive: 1, lastFailureReason: 'RolloutFailed' as const, observedGeneration: 1 },
    ...{ credentialVersion: 'uid/8', lastFailureTime: new Date(NOON).toISOString() },
    nextTime: new Date(NOON + HOUR).toISOString(),
  };
  const issuedAt = NOON - MINUTE;
  const young = aToken({ issuedAt, expiresAt: issuedAt + HOUR });
  const failed = (heldUntil: number, now: number, change: Partial<DeliveryStatus> = {}) => {
    const [settled] = recorded('Retain').deliveries;
    const counts = { total: 3, current: 1, skipped: 0, failed: 1 };
    const held = { attempts, heldUntil: new Date(heldUntil).toISOString(), machines: counts };
    const record = { ...settled, tokenId: young.id, ...held, ...change };
    const conditions = [{ ...settled?.conditions[0], status: 'False', reason: 'RolloutFailed' }];
    const status = { deliveries: [{ ...record, conditions } as DeliveryStatus] };
    return factsWith(young, { binding: aBinding({ spec, status }), now });
  };

  it('is followed by another half way to the urgent zone of that, and is waited for until then', () => {
    const heldUntil = issuedAt + 20 * MINUTE;
    const at = issuedAt + (20 * MINUTE - (10 * MINUTE) / 4) / 2;
    const early = plan(failed(heldUntil, at - 1), results);
    assert.deepEqual(early.steps, []);
    assert.equal(wakeTime(early.progress, statusOf(early.progress)), at);
    assert.deepEqual(plan(failed(heldUntil, at), results).steps.slice(0, 1), ['acquiringToken']);
  });

  it('is not when nothing would come of it any more', () => {
    for (const heldUntil of [issuedAt + 119_000, NOON - 1]) {
      assert.deepEqual(plan(failed(heldUntil, NOON + 30_000), results).steps, []);
    }
    assert.deepEqual(plan(failed(NOON + 19 * MINUTE, NOON + 20 * MINUTE), results).steps, []);
  });

  it('is not when anything else than its machines failed, nor for the failure of an earlier one', () => {
    const heldUntil = issuedAt + 20 * MINUTE;
    const away = { ...attempts, lastFailureReason: 'PlatformUnavailable' as const };
    for (const change of [{ attempts: away }, { tokenId: 'bbbbbbbbbbbbbbbb' }]) {
      const { steps } = plan(failed(heldUntil, NOON + 9 * MINUTE, change), results);
      assert.equal(steps.includes('acquiringToken'), false);
    }
  });

  it('is not when all others have it, or two tokens in a row cost a machine each', () => {
    const heldUntil = issuedAt + 20 * MINUTE;
    for (const change of [{ machines: { total: 3, current: 2, skipped: 0, failed: 1 } }, { rejections: 2 }])
      assert.deepEqual(plan(failed(heldUntil, NOON + 9 * MINUTE, change), results).steps, []);
  });

  it('is asked for again no sooner than the last refusal to issue allows', () => {
    const heldUntil = issuedAt + 20 * MINUTE;
    const outage = failure('ProviderUnavailable', 'acme.eu.auth0.com does not answer.');
    const course = plan(failed(heldUntil, NOON + 9 * MINUTE), {
      ...results,
      acquiringToken: { type: 'issueFailed', failure: outage, at: NOON + 9 * MINUTE },
    });
    assert.deepEqual(course.steps, ['acquiringToken']);
    assert.ok((wakeTime(course.progress, statusOf(course.progress)) ?? 0) >= NOON + 9 * MINUTE + 1_000);
  });
});
