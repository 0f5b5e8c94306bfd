import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { REFRESH_REQUESTED_AT } from '../../src/binding/names.ts';
import { statusOf } from '../../src/binding/status.ts';
import { fromAnnotations, type StoredToken, toAnnotations } from '../../src/binding/stored-token.ts';
import { aBinding, aToken, factsWith, MINUTE, NOON } from '../support/binding.ts';
import { plan } from './plan.ts';
import { fresh, issue } from './results.ts';

describe('a stored token', () => {
  it('reads back from the annotations of its Secret as it was written', () => {
    const word = fc.stringMatching(/^\S{1,20}$/);
    const optional = fc.record(
      { issuer: word, audience: word, refreshRequest: fc.string() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(optional, fc.array(word), (known, scopes) => {
        const token: StoredToken = aToken({ ...known, scopes });
        assert.deepEqual(fromAnnotations(toAnnotations('toolbridge-api', token)), token);
      }),
    );
  });
});

describe('after a crash between Secret and status', () => {
  const annotations = { [REFRESH_REQUESTED_AT]: 'now' };

  it('the stored token answers the refresh it was issued for', () => {
    const binding = aBinding({ metadata: { annotations } });
    const { steps, progress } = plan(factsWith({ ...fresh, refreshRequest: 'now' }, { binding }));
    assert.deepEqual(steps, []);
    assert.equal(statusOf(progress).lastHandledRefreshAt, 'now');
  });

  it('the stored token does not answer a later request', () => {
    const binding = aBinding({ metadata: { annotations } });
    const facts = factsWith({ ...fresh, refreshRequest: 'earlier' }, { binding });
    assert.deepEqual(plan(facts, issue).steps, ['acquiringToken', 'writingSecret']);
  });

  const outageAt = (at: number) => ({
    attempts: {
      consecutive: 2,
      lastFailureTime: new Date(at).toISOString(),
      lastFailureReason: 'ProviderUnavailable',
      nextTime: new Date(at).toISOString(),
      observedGeneration: 1,
      credentialVersion: 'uid/7',
    },
  });

  it('the stored token ends the failures before it', () => {
    const binding = aBinding({ status: outageAt(NOON - MINUTE) });
    const { steps, progress } = plan(factsWith(aToken({ issuedAt: NOON - MINUTE / 2 }), { binding }));
    assert.deepEqual(steps, []);
    assert.equal(statusOf(progress).attempts?.consecutive, 0);
  });

  it('the stored token does not end a failure to renew it', () => {
    const binding = aBinding({ status: outageAt(NOON - MINUTE) });
    const facts = factsWith(aToken({ issuedAt: NOON - 2 * MINUTE }), { binding });
    assert.deepEqual(plan(facts, issue).steps, ['acquiringToken', 'writingSecret']);
  });
});
