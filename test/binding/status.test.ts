import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Condition } from '../../src/binding/conditions.ts';
import { statusOf } from '../../src/binding/status.ts';
import type { TokenBindingStatus } from '../../src/binding/token-binding.ts';
import { transitions } from '../../src/binding/transitions.ts';
import { wakeTime } from '../../src/binding/wake.ts';
import { type Failure, failure, type IssueFailureReason } from '../../src/failure.ts';
import { aBinding, aDelivery, aToken, factsWith, HOUR, MINUTE, NOON, someFacts } from '../support/binding.ts';
import { type Course, plan } from './plan.ts';
import { deliver, fresh, issue, machines, outage, recorded, refusal } from './results.ts';

const condition = (status: TokenBindingStatus, type: string): Partial<Condition> =>
  status.conditions?.find((candidate) => candidate.type === type) ?? {};
const summary = (status: TokenBindingStatus) =>
  Object.fromEntries(
    (status.conditions ?? []).map(({ type, status: value, reason }) => [type, `${value}/${reason}`]),
  );
const eventsOf = ({ progress }: Course) =>
  transitions(progress, statusOf(progress)).map(({ reason }) => reason);
const due = aToken({ issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
const issuedBefore = statusOf(plan(factsWith(due, { now: NOON - 40 * MINUTE })).progress);
const noGrant = failure('ClientNotAuthorized', 'The client has no grant for this API.');

describe('the status after a first issue', () => {
  const course = plan(someFacts(), issue);
  const status = statusOf(course.progress);

  it('says that all is current, and nothing is under way', () => {
    assert.deepEqual(summary(status), {
      Ready: 'True/Current',
      Issued: 'True/Issued',
      Delivered: 'True/NoDeliveries',
    });
  });

  it('says when the token was issued, expires and is renewed', () => {
    assert.equal(status.token?.issuedAt, '2026-11-24T12:00:00Z');
    assert.equal(status.token?.expiresAt, '2026-11-24T13:00:00Z');
    assert.equal(status.token?.lifetime, '1h0m0s');
    assert.equal(
      Date.parse(status.nextRefreshTime ?? ''),
      Math.floor((wakeTime(course.progress, status) ?? 0) / 1000) * 1000,
    );
  });

  it('is told in two events', () => {
    assert.deepEqual(eventsOf(course), ['TokenIssued', 'SecretWritten']);
  });

  it('is the same when nothing happens, so that nothing is written', () => {
    const again = plan(factsWith(fresh, { now: NOON + MINUTE, binding: aBinding({ status }) }));
    assert.deepEqual(statusOf(again.progress), status);
    assert.deepEqual(eventsOf(again), []);
  });
});

describe('a routine renewal', () => {
  const course = plan(factsWith(due, { binding: aBinding({ status: issuedBefore }) }), issue);
  const status = statusOf(course.progress);

  it('keeps Ready True and is told in one event', () => {
    assert.deepEqual(summary(status), {
      Ready: 'True/Current',
      Issued: 'True/Issued',
      Delivered: 'True/NoDeliveries',
    });
    assert.deepEqual(eventsOf(course), ['Refreshed']);
  });

  it('does not move the transition times, since no condition flipped', () => {
    for (const { type, lastTransitionTime } of status.conditions ?? []) {
      assert.equal(lastTransitionTime, condition(issuedBefore, type).lastTransitionTime);
    }
  });

  it('remembers until when consumers may hold the token before', () => {
    assert.equal(status.token?.previousExpiresAt, issuedBefore.token?.expiresAt);
  });
});

describe('a failed renewal', () => {
  const fail = (reason: Failure<IssueFailureReason>) =>
    plan(factsWith(due, { binding: aBinding({ status: issuedBefore }) }), {
      acquiringToken: { type: 'issueFailed', failure: reason, at: NOON },
    });

  it('leaves Ready True while the old token lives, and says that renewal fails', () => {
    const status = statusOf(fail(outage).progress);
    assert.deepEqual(summary(status), {
      Ready: 'True/Refreshing',
      Issued: 'False/ProviderUnavailable',
      Delivered: 'True/NoDeliveries',
    });
    assert.equal(status.attempts?.consecutive, 1);
    assert.equal(status.attempts?.lastFailureReason, 'ProviderUnavailable');
  });

  it('is told once, not at every attempt', () => {
    const first = fail(outage);
    assert.deepEqual(eventsOf(first), ['ProviderUnavailable']);
    const status = statusOf(first.progress);
    const now = Date.parse(status.attempts?.nextTime ?? '');
    const second = plan(factsWith(due, { now, binding: aBinding({ status }) }), {
      acquiringToken: { type: 'issueFailed', failure: outage, at: now },
    });
    assert.deepEqual(eventsOf(second), []);
    assert.equal(statusOf(second.progress).attempts?.consecutive, 2);
  });

  it('is Stalled when a person has to act, with what they have to know', () => {
    const status = statusOf(fail(noGrant).progress);
    assert.equal(condition(status, 'Stalled').reason, 'ClientNotAuthorized');
    assert.equal(condition(status, 'Stalled').message, noGrant.message);
  });

  it('keeps saying so in the runs that merely wait', () => {
    const status = statusOf(fail(noGrant).progress);
    const later = plan(factsWith(due, { now: NOON + 10_000, binding: aBinding({ status }) }));
    assert.deepEqual(statusOf(later.progress), status);
  });

  it('is still told while suspended', () => {
    const status = statusOf(fail(outage).progress);
    const binding = aBinding({ metadata: { generation: 2 }, spec: { suspend: true }, status });
    const suspended = statusOf(plan(factsWith(due, { binding })).progress);
    assert.equal(condition(suspended, 'Issued').reason, 'ProviderUnavailable');
    assert.equal(condition(suspended, 'Ready').reason, 'Suspended');
  });

  it('ends in Ready False when the token expires', () => {
    const status = statusOf(fail(outage).progress);
    const dead = plan(factsWith(due, { now: due.expiresAt, binding: aBinding({ status }) }), {
      acquiringToken: { type: 'issueFailed', failure: outage, at: due.expiresAt },
    });
    assert.equal(condition(statusOf(dead.progress), 'Ready').reason, 'TokenExpired');
    assert.deepEqual(eventsOf(dead), ['TokenExpired']);
  });

  it('that is made good is told as recovered', () => {
    const status = statusOf(fail(outage).progress);
    const now = Date.parse(status.attempts?.nextTime ?? '');
    const course = plan(factsWith(due, { now, binding: aBinding({ status }) }), issue);
    assert.deepEqual(eventsOf(course), ['TokenIssued', 'SecretWritten', 'Refreshed']);
    assert.equal(statusOf(course.progress).attempts?.consecutive, 0);
  });
});

describe('Ready', () => {
  const binding = aBinding({ spec: { deliveries: [aDelivery()] }, status: recorded('Retain') });
  const renewed = { ...deliver, ...issue };

  it('stays True while a routine rollout is under way', () => {
    const progress = { machines: { ...machines, current: 1 }, done: false, retryAt: NOON };
    const course = plan(factsWith(due, { binding }), {
      ...renewed,
      rollingOut: { type: 'rolled', progress, at: NOON },
    });
    const status = statusOf(course.progress);
    assert.equal(summary(status).Ready, 'True/RollingOut');
    assert.equal(summary(status).Delivered, 'False/RollingOut');
    assert.equal(status.deliveriesReady, '0/1');
    assert.deepEqual(
      eventsOf(course).filter((reason) => reason.startsWith('Rollout')),
      ['RolloutStarted'],
    );
  });

  it('is False when a delivery failed for good', () => {
    const course = plan(factsWith(due, { binding }), {
      ...renewed,
      settingFlySecret: { type: 'deliveryFailed', failure: refusal, at: NOON },
    });
    const status = statusOf(course.progress);
    assert.equal(summary(status).Ready, 'False/DeliveryFailed');
    assert.equal(summary(status).Stalled, 'True/Unauthorized');
  });

  it('is False while a delivery waits for its very first token', () => {
    const first = aBinding({ spec: { deliveries: [aDelivery()] } });
    const progress = { machines: { ...machines, current: 0 }, done: false, retryAt: NOON };
    const course = plan(factsWith(aToken(), { binding: first }), {
      ...deliver,
      rollingOut: { type: 'rolled', progress, at: NOON },
    });
    const status = statusOf(course.progress);
    assert.equal(summary(status).Ready, 'False/NeverIssued');
    assert.equal(summary(status).Reconciling, 'True/NeverIssued');
  });

  it('stays True while suspended, until the token expires', () => {
    const suspended = aBinding({ spec: { suspend: true } });
    const at = (now: number) =>
      summary(statusOf(plan(factsWith(due, { now, binding: suspended })).progress)).Ready;
    assert.equal(at(NOON), 'True/Suspended');
    assert.equal(at(due.expiresAt), 'False/TokenExpired');
  });
});

describe('the wake-up time', () => {
  const wake = ({ progress }: Course) => wakeTime(progress, statusOf(progress));

  it('is the refresh time while all is well', () => {
    const at = wake(plan(factsWith(fresh))) ?? 0;
    assert.ok(at > NOON + HOUR / 2 && at < NOON + HOUR);
  });

  it('is the next attempt after a failure', () => {
    const course = plan(someFacts(), { acquiringToken: { type: 'issueFailed', failure: outage, at: NOON } });
    assert.equal(wake(course), Date.parse(statusOf(course.progress).attempts?.nextTime ?? ''));
  });

  it('is the expiry while suspended, since Ready changes then', () => {
    assert.equal(
      wake(plan(factsWith(fresh, { binding: aBinding({ spec: { suspend: true } }) }))),
      fresh.expiresAt,
    );
  });

  it("is a minute away while somebody else's Secret is in the way", () => {
    assert.equal(wake(plan(someFacts({ secret: { state: 'foreign', owner: 'x' } }))), NOON + MINUTE);
  });
});
