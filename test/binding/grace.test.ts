import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { statusOf } from '../../src/binding/status.ts';
import type { TokenBindingStatus } from '../../src/binding/token-binding.ts';
import { failure, type IssueFailureReason } from '../../src/failure.ts';
import { aBinding, aToken, factsWith, MINUTE, NOON, someFacts } from '../support/binding.ts';
import { plan } from './plan.ts';

const due = aToken({ issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
const SECOND = 1000;

/** The status after a failure at `now`, that before it being `status`. */
function failAt(now: number, reason: IssueFailureReason, status?: TokenBindingStatus, token = true) {
  const binding = aBinding(status ? { status } : {});
  const change = { ...{ now, binding }, random: 0.999 };
  const facts = token ? factsWith(due, change) : someFacts(change);
  return statusOf(
    plan(facts, {
      acquiringToken: { type: 'issueFailed', failure: failure(reason, 'No.'), at: now },
    }).progress,
  );
}

const isStalled = ({ conditions = [] }: TokenBindingStatus) =>
  conditions.some(({ type }) => type === 'Stalled');
const waitOf = ({ attempts }: TokenBindingStatus, now: number) => Date.parse(attempts?.nextTime ?? '') - now;

describe('a credential that worked and is refused now', () => {
  it('is tried again within seconds for a minute: it may have just been rotated', () => {
    const status = failAt(NOON, 'CredentialsInvalid');
    assert.equal(isStalled(status), false);
    assert.ok(waitOf(status, NOON) <= 3 * SECOND, `${waitOf(status, NOON)} ms`);
  });

  it('is a matter for a person after that minute', () => {
    let status = failAt(NOON, 'CredentialsInvalid');
    for (const second of [10, 25, 45, 70]) {
      const now = NOON + second * SECOND;
      const before = isStalled(status);
      status = failAt(now, 'CredentialsInvalid', status);
      assert.equal(before, false, `before ${second} s`);
    }
    assert.equal(isStalled(status), true);
    assert.ok(waitOf(status, NOON + 70 * SECOND) > 30 * SECOND);
  });

  it('is a matter for a person at once when it never worked', () => {
    assert.equal(isStalled(failAt(NOON, 'CredentialsInvalid', undefined, false)), true);
  });
});

describe('any other refusal', () => {
  for (const reason of [
    'ClientNotAuthorized',
    'AudienceUnknown',
    'VerificationFailed',
    'RequestRefused',
  ] as const) {
    it(`is a matter for a person at once: ${reason}`, () => {
      assert.equal(isStalled(failAt(NOON, reason)), true);
    });
  }
});
