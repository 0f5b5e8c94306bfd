import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Facts } from '../../src/binding/facts.ts';
import { statusOf } from '../../src/binding/status.ts';
import { transitions } from '../../src/binding/transitions.ts';
import { wakeTime } from '../../src/binding/wake.ts';
import { failure } from '../../src/failure.ts';
import { aBinding, aDelivery, aToken, factsWith, MINUTE, NOON, ROLLOUT } from '../support/binding.ts';
import { type Course, plan } from './plan.ts';
import { deliver, machines, recorded, refusal } from './results.ts';

const spec = { deliveries: [aDelivery()] };
const settled = { deliveries: recorded('Retain').deliveries.map((record) => ({ ...record, digest: 'd' })) };
const facts = (change: Partial<Facts> = {}): Facts =>
  factsWith(aToken(), { binding: aBinding({ spec, status: settled }), driftDueAt: { mcp: NOON }, ...change });
const same = {
  checkingDrift: { type: 'driftChecked', digest: 'd', progress: { machines, done: true }, at: NOON },
} as const;
const failed = { type: 'deliveryFailed', failure: failure('RolloutFailed', 'Unwell.') } as const;
const changed = { ...deliver, checkingDrift: { type: 'driftChecked', digest: 'theirs', at: NOON } } as const;
const eventsOf = ({ progress }: Course) =>
  transitions(progress, statusOf(progress)).map(({ reason }) => reason);
const delivered = ({ progress }: Course) =>
  statusOf(progress).conditions?.find(({ type }) => type === 'Delivered');
const after = (course: Course) => facts({ binding: aBinding({ spec, status: statusOf(course.progress) }) });

describe('an app that is as it was left', () => {
  it('is compared when that is due, and again after the interval', () => {
    const course = plan(facts(), same);
    assert.deepEqual([course.steps, course.rest], [['checkingDrift'], 'current']);
    assert.deepEqual(eventsOf(course), []);
    assert.equal(wakeTime(course.progress, statusOf(course.progress)), NOON + 10 * MINUTE);
    assert.deepEqual(plan(facts({ driftDueAt: { mcp: NOON + 1 } })).steps, []);
  });

  it('is looked at no more than that while it is being compared in vain: nothing is due in between', () => {
    const gone = { checkingDrift: { type: 'driftUnknown', failure: refusal, at: NOON } } as const;
    const course = plan(facts(), gone);
    assert.equal(wakeTime(course.progress, statusOf(course.progress)), NOON + 10 * MINUTE);
  });

  it('is not looked at while a delivery waits out a failure: only the end of that wakes it', () => {
    const course = plan(facts(), { checkingDrift: { ...failed, at: NOON } });
    assert.deepEqual([course.rest, delivered(course)?.reason], ['stalled', 'RolloutFailed']);
    const next = plan({ ...after(course), now: NOON + MINUTE });
    assert.deepEqual(next.steps, []);
    const nextTime = next.progress.deliveries[0]?.attempts?.nextTime;
    assert.equal(wakeTime(next.progress, statusOf(next.progress)), Date.parse(nextTime ?? ''));
  });
});

describe('a secret that somebody else wrote', () => {
  it('is written again and rolled out, and that is told', () => {
    const course = plan(facts(), changed);
    assert.deepEqual(course.steps, [
      ...['checkingDrift', 'recording', 'settingFlySecret', 'recording', 'rollingOut'],
    ]);
    assert.equal(delivered(course)?.status, 'True');
    const told = eventsOf(course);
    assert.ok(told.includes('DriftFound') && told.includes('DriftRepaired'), told.join());
  });

  it('is left to a person after two repairs of one token, machines untouched', () => {
    const third = [1, 2].reduce((course) => plan(after(course), changed), plan(facts(), changed));
    assert.deepEqual(third.steps, ['checkingDrift']);
    assert.equal(delivered(third)?.reason, 'ConflictingWriter');
    assert.equal(third.rest, 'stalled');
    assert.equal(plan(after(third), changed).steps.includes('settingFlySecret'), false);
  });

  it('is ours again with the next token', () => {
    const third = [1, 2].reduce((course) => plan(after(course), changed), plan(facts(), changed));
    const renewed = aToken({ id: 'nnnnnnnnnnnnnnnn', issuedAt: NOON });
    const course = plan(
      { ...after(third), secret: { state: 'ours', token: renewed, shaped: true } },
      { ...deliver, ...same },
    );
    assert.ok(course.steps.includes('settingFlySecret') && course.steps.includes('rollingOut'));
  });
});

describe('machines that were added or restarted by others', () => {
  it('are brought up to date', () => {
    const lagging = { machines: { ...machines, current: 1 }, done: false, retryAt: NOON + 1000 };
    const course = plan(facts(), {
      checkingDrift: { type: 'driftChecked', digest: 'd', progress: lagging, at: NOON },
    });
    assert.equal(course.rest, 'waiting');
    assert.equal(delivered(course)?.reason, 'RollingOut');
    const { steps } = plan({ ...after(course), now: NOON + 1000, driftDueAt: {} }, deliver);
    assert.deepEqual(steps, ['rollingOut']);
  });
});

describe('a secret that another binding wrote first', () => {
  const rival = facts({ rivals: ['mcp'] });

  it('is never written, and the message names no other object', () => {
    const course = plan(rival);
    assert.deepEqual([course.steps, course.rest], [[], 'stalled']);
    assert.equal(delivered(course)?.reason, 'ConflictingBinding');
    assert.match(
      delivered(course)?.message ?? '',
      /^Delivery "mcp": Another TokenBinding wrote TOOLBRIDGE_JWT_TOKEN/,
    );
  });

  it('is ours when the other is gone', () => {
    const course = plan({ ...after(plan(rival)), driftDueAt: {} }, deliver);
    assert.ok(course.steps.includes('settingFlySecret'));
    assert.equal(delivered(course)?.status, 'True');
  });
});

describe('a rollout of an app to which another binding is about to write', () => {
  const binding = aBinding({ spec });
  const token = aToken({ issuedAt: NOON });

  it('waits a moment for it', () => {
    const course = plan(factsWith(token, { binding, awaited: ['mcp'] }), deliver);
    assert.deepEqual([course.steps, course.rest], [['recording', 'settingFlySecret'], 'waiting']);
    assert.equal(wakeTime(course.progress, statusOf(course.progress)), NOON + 1000);
  });

  it('does not wait for ever', () => {
    const late = aToken({ issuedAt: NOON - 61_000 });
    assert.ok(plan(factsWith(late, { binding, awaited: ['mcp'] }), deliver).steps.includes('rollingOut'));
  });
});

describe('with Stage, a secret that somebody else wrote', () => {
  it('is in order again once it is written: no machine is to be rolled', () => {
    const staged = { deliveries: [aDelivery({ rollout: { ...ROLLOUT, strategy: 'Stage' } })] };
    const binding = aBinding({ spec: staged, status: settled });
    const course = plan(facts({ binding }), changed);
    assert.equal(delivered(course)?.status, 'True');
    const [record] = statusOf(course.progress).deliveries ?? [];
    assert.deepEqual(
      record?.conditions?.map(({ type }) => type),
      ['Delivered'],
    );
    assert.ok(eventsOf(course).includes('DriftRepaired'));
  });
});
