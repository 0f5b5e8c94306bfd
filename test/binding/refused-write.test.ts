import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { statusOf } from '../../src/binding/status.ts';
import { wakeTime } from '../../src/binding/wake.ts';
import { failure } from '../../src/failure.ts';
import { aBinding, aToken, factsWith, HOUR, MINUTE, NOON, someFacts } from '../support/binding.ts';
import { plan } from './plan.ts';
import { fresh, issue } from './results.ts';

const refused = { type: 'issueFailed', failure: failure('SecretRefused', 'A quota.'), at: NOON } as const;
const held = { ...fresh, fingerprint: 'fits' };
const due = aToken({ issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
const first = plan(factsWith(due), { ...issue, writingSecret: refused });
const status = statusOf(first.progress);
const binding = aBinding({ status });
const next = Date.parse(status.attempts?.nextTime ?? '');
const reasons = (conditions = status.conditions) =>
  Object.fromEntries((conditions ?? []).map(({ type, reason }) => [type, reason]));

describe('a Secret that the API server refuses to store', () => {
  it('is told in the conditions, and tried again with backoff', () => {
    assert.deepEqual([first.steps, first.rest], [['acquiringToken', 'writingSecret'], 'backingOff']);
    assert.equal(reasons().Issued, 'SecretRefused');
    assert.equal(wakeTime(first.progress, status), next);
  });

  it('is neither written nor is another token asked for while that is waited out', () => {
    const later = plan(factsWith(due, { now: NOON + 500, binding, held: { token: held } }));
    assert.deepEqual(later.steps, []);
    assert.equal(reasons(statusOf(later.progress).conditions).Issued, 'SecretRefused');
  });

  it('says so when the token before it expires', () => {
    const dead = aToken({ issuedAt: NOON - HOUR, expiresAt: NOON + 500 });
    const later = plan(factsWith(dead, { now: NOON + 500, binding, held: { token: held } }));
    assert.equal(reasons(statusOf(later.progress).conditions).Ready, 'TokenExpired');
  });

  it('gets the very token that was obtained, when it is tried again', () => {
    const write = { writingSecret: { type: 'secretWritten', token: held } } as const;
    const again = plan(factsWith(due, { now: next, binding, held: { token: held } }), write);
    assert.deepEqual(again.steps, ['writingSecret']);
    assert.equal(statusOf(again.progress).attempts?.consecutive, 0);
  });

  it('costs no token when only its shape could not be written', () => {
    const shapeless = someFacts({
      now: next,
      binding,
      secret: { state: 'ours', token: aToken(), shaped: false },
    });
    const write = { writingSecret: { type: 'secretWritten', token: aToken() } } as const;
    const again = plan(shapeless, write);
    assert.deepEqual([again.steps, again.rest], [['writingSecret'], 'current']);
  });
});
