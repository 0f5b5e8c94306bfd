import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { machinesInterval } from '../../src/binding/comparison.ts';
import type { Facts } from '../../src/binding/facts.ts';
import { statusOf } from '../../src/binding/status.ts';
import type { DeliveryRecord } from '../../src/binding/targets.ts';
import { transitions } from '../../src/binding/transitions.ts';
import { type DeliveryFailureReason, type Failure, failure } from '../../src/failure.ts';
import { aBinding, aDelivery, aToken, factsWith, HOUR, MINUTE, NOON, ROLLOUT } from '../support/binding.ts';
import { type Course, plan } from './plan.ts';
import { deliver, fresh, machines, recorded } from './results.ts';

const spec = { deliveries: [aDelivery()] };
const settled = { deliveries: recorded('Retain').deliveries.map((record) => ({ ...record, digest: 'd' })) };
const facts = (change: Partial<Facts> = {}): Facts =>
  factsWith(aToken(), { binding: aBinding({ spec, status: settled }), driftDueAt: { mcp: NOON }, ...change });
/** What the next check sees, ten minutes later. */
const after = (course: Course, change: Partial<Facts> = {}) =>
  facts({
    binding: aBinding({ spec, status: statusOf(course.progress) }),
    ...{ now: course.progress.facts.now + 10 * MINUTE, unchecked: ['mcp'] },
    ...change,
  });
const conditionOf = ({ progress }: Course, type: string) =>
  statusOf(progress).conditions?.find((condition) => condition.type === type);
const eventsOf = ({ progress }: Course) =>
  transitions(progress, statusOf(progress)).map(({ reason }) => reason);

/** A check that failed so. */
const check = (from: Facts, told: Failure<DeliveryFailureReason>) =>
  plan(from, { checkingDrift: { type: 'driftUnknown', failure: told, at: from.now } });
const revoked = failure('Unauthorized', 'Fly does not accept the API token (fly-request-id 1).');
const down = failure('PlatformUnavailable', 'Fly answered HTTP 503.');
const well = {
  checkingDrift: { type: 'driftChecked', digest: 'd', progress: { machines, done: true }, at: NOON + HOUR },
} as const;

describe('an app that cannot be compared with what it was given', () => {
  it('for want of a person is told at once: since when, why, what is held, what will fail', () => {
    const course = check(facts(), revoked);
    assert.equal(conditionOf(course, 'Ready')?.status, 'True');
    assert.equal(conditionOf(course, 'Delivered')?.status, 'True');
    const { nextRefreshTime } = statusOf(course.progress);
    assert.equal(conditionOf(course, 'Degraded')?.reason, 'DeliveryUnchecked');
    assert.equal(
      conditionOf(course, 'Degraded')?.message,
      `Delivery "mcp" could not be compared with its app since 2026-11-24T12:00:00Z: ${revoked.message} Machines ` +
        `hold the token valid until 2026-11-24T12:50:00Z; the renewal at ${nextRefreshTime} will fail unless this ` +
        'is mended.',
    );
    assert.deepEqual(eventsOf(course), ['DeliveryUnchecked']);
  });

  it('is told once: further checks that fail for the same reason leave the status as it is', () => {
    const first = check(facts(), revoked);
    const again = failure('Unauthorized', 'Fly does not accept the API token (fly-request-id 2).');
    const second = check(after(first), again);
    assert.deepEqual(statusOf(second.progress), statusOf(first.progress));
    assert.deepEqual(eventsOf(second), []);
  });

  it('for another reason than before says so, and since when it was the first', () => {
    const gone = failure('AppNotFound', 'Fly app toolbridge-mcp does not exist.');
    const course = check(after(check(facts(), revoked)), gone);
    assert.match(
      conditionOf(course, 'Degraded')?.message ?? '',
      /since 2026-11-24T12:00:00Z: Fly app .* not exist/,
    );
  });

  it('for what may pass by itself is told when it lasts for two checks in a row', () => {
    const first = check(facts(), down);
    assert.equal(conditionOf(first, 'Degraded'), undefined);
    assert.deepEqual(eventsOf(first), []);
    const second = check(after(first), down);
    assert.equal(conditionOf(second, 'Degraded')?.reason, 'DeliveryUnchecked');
    assert.match(conditionOf(second, 'Degraded')?.message ?? '', /will fail if this lasts\.$/);
  });

  it('is still told after a restart, which forgets that a check failed', () => {
    const restarted = after(check(facts(), revoked), { unchecked: [] });
    assert.equal(
      conditionOf(plan({ ...restarted, driftDueAt: {} }), 'Degraded')?.reason,
      'DeliveryUnchecked',
    );
    assert.match(conditionOf(check(restarted, down), 'Degraded')?.message ?? '', /does not accept/);
  });

  it('is well again with the next check that works', () => {
    const course = plan(after(check(facts(), revoked)), well);
    assert.equal(conditionOf(course, 'Degraded'), undefined);
    assert.deepEqual(statusOf(course.progress).deliveries, settled.deliveries);
  });

  it('is well again with a token that could be written there', () => {
    const renewed = after(check(facts(), revoked), {
      secret: { state: 'ours', token: fresh, shaped: true },
      driftDueAt: {},
    });
    const course = plan(renewed, deliver);
    assert.ok(course.steps.includes('settingFlySecret'));
    assert.equal(conditionOf(course, 'Degraded'), undefined);
  });

  it('is no longer what matters when a renewal has failed on it, or nothing is renewed', () => {
    const refused = {
      ...deliver,
      settingFlySecret: { type: 'deliveryFailed', failure: revoked, at: NOON },
    } as const;
    const first = check(facts(), revoked);
    const failing = plan(after(first, { secret: { state: 'ours', token: fresh, shaped: true } }), refused);
    assert.equal(conditionOf(failing, 'Degraded'), undefined);
    assert.equal(conditionOf(failing, 'Stalled')?.reason, 'Unauthorized');
    const binding = aBinding({ spec: { ...spec, suspend: true }, status: statusOf(first.progress) });
    assert.equal(conditionOf(plan(facts({ binding })), 'Degraded'), undefined);
  });
});

describe('the time between two looks at machines', () => {
  const [record] = settled.deliveries as [DeliveryRecord];
  const interval = (driftCheckInterval: string, strategy: 'Reload' | 'Rolling', unchecked?: Failure) => {
    const rollout = { ...ROLLOUT, strategy };
    const deliveries = [aDelivery({ driftCheckInterval, rollout })];
    const conditions = unchecked && [
      { type: 'Unchecked', status: 'True' as const, lastTransitionTime: '', ...unchecked },
    ];
    return machinesInterval(aBinding({ spec: { deliveries } }), {
      ...record,
      ...(conditions && { conditions }),
    });
  };

  it('is what the spec asks for, and with Reload no more than half a minute', () => {
    assert.equal(interval('10m', 'Rolling'), 10 * MINUTE);
    assert.equal(interval('10m', 'Reload'), 30_000);
    assert.equal(interval('10s', 'Reload'), 10_000);
  });

  it('is what the spec asks for, too, while only a person can mend the way there', () => {
    assert.equal(interval('10m', 'Reload', revoked), 10 * MINUTE);
    assert.equal(interval('10m', 'Reload', down), 30_000);
  });
});
