import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { statusOf } from '../../src/binding/status.ts';
import { wakeTime } from '../../src/binding/wake.ts';
import { failure } from '../../src/failure.ts';
import { aToken, factsWith, MINUTE, NOON, someFacts } from '../support/binding.ts';
import { type Course, plan } from './plan.ts';

const due = aToken({ issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
const until = NOON + 1500;
const busy = { acquiringToken: { type: 'issueDeferred', deferral: { until } } } as const;
const down = {
  acquiringToken: {
    type: 'issueDeferred',
    deferral: { until, failure: failure('ProviderUnavailable', 'It fails for every binding.') },
  },
} as const;
const statusAfter = ({ progress }: Course) => statusOf(progress);
const summary = (course: Course) =>
  Object.fromEntries((statusAfter(course).conditions ?? []).map(({ type, reason }) => [type, reason]));

describe('a binding whose turn at the provider has not come', () => {
  it('rests, is woken for its turn, and counts no failure', () => {
    const course = plan(factsWith(due), busy);
    assert.equal(course.rest, 'waiting');
    assert.equal(wakeTime(course.progress, statusAfter(course)), until);
    assert.equal(statusAfter(course).attempts?.consecutive, 0);
    assert.equal(summary(course).Issued, 'Issued');
  });

  it('says so while it has no token at all', () => {
    const course = plan(someFacts(), busy);
    const ready = statusAfter(course).conditions?.find(({ type }) => type === 'Ready');
    assert.match(ready?.message ?? '', /Other bindings ask the provider first/);
    assert.equal(summary(course).Reconciling, 'NeverIssued');
  });
});

describe('a binding whose provider fails for everybody', () => {
  it('says so as if it had asked itself, but counts no attempt', () => {
    for (const facts of [factsWith(due), someFacts()]) {
      const course = plan(facts, down);
      assert.equal(summary(course).Issued, 'ProviderUnavailable');
      assert.equal(statusAfter(course).attempts?.consecutive, 0);
      assert.equal(wakeTime(course.progress, statusAfter(course)), until);
    }
  });
});
