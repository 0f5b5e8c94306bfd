import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REFRESH_REQUESTED_AT } from '../../src/binding/names.ts';
import { Planner } from '../../src/binding/planner.ts';
import { statusOf } from '../../src/binding/status.ts';
import { aBinding, aDelivery, aToken, factsWith, MINUTE, NOON, someFacts } from '../support/binding.ts';
import { plan } from './plan.ts';
import { deliver, fresh, issue, outage } from './results.ts';

describe('a run', () => {
  it('issues the first token and stores it', () => {
    assert.deepEqual(plan(someFacts(), issue).steps, ['acquiringToken', 'writingSecret']);
  });

  it('rests while the token is fresh', () => {
    assert.deepEqual(plan(factsWith(aToken())).steps, []);
  });

  it('renews when the refresh time has come', () => {
    const due = aToken({ issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
    assert.deepEqual(plan(factsWith(due), issue).steps, ['acquiringToken', 'writingSecret']);
  });

  it('renews when the stored token was made for another spec or client', () => {
    const facts = factsWith(aToken({ fingerprint: 'other' }));
    assert.deepEqual(plan(facts, issue).steps, ['acquiringToken', 'writingSecret']);
  });

  it('goes on with the stored token while the client is unknown', () => {
    const facts = factsWith(aToken({ fingerprint: 'other' }), { credential: { version: 'absent' } });
    assert.deepEqual(plan(facts).steps, []);
  });

  it('issues anew when somebody edited the token in the Secret', () => {
    const facts = someFacts({ secret: { state: 'ours', shaped: false } });
    assert.deepEqual(plan(facts, issue).steps, ['acquiringToken', 'writingSecret']);
  });

  it('writes the Secret without issuing when only its shape differs from the spec', () => {
    const facts = someFacts({ secret: { state: 'ours', token: aToken(), shaped: false } });
    const { steps } = plan(facts, { writingSecret: { type: 'secretWritten', token: aToken() } });
    assert.deepEqual(steps, ['writingSecret']);
  });

  it('writes a token that an earlier run could not store, without issuing another', () => {
    const { steps, progress } = plan(
      someFacts({ held: { token: { ...fresh, fingerprint: 'fits' } } }),
      issue,
    );
    assert.deepEqual(steps, ['writingSecret']);
    assert.equal(progress.refreshed, true);
  });

  it('drops a held token that the spec no longer asks for', () => {
    const { steps } = plan(someFacts({ held: { token: { ...fresh, fingerprint: 'other' } } }), issue);
    assert.deepEqual(steps, ['acquiringToken', 'writingSecret']);
  });

  it('drops a held token when another replica has stored a newer one meanwhile', () => {
    const held = aToken({ id: 'cccccccccccccccc', issuedAt: aToken().issuedAt - MINUTE });
    assert.deepEqual(plan(factsWith(aToken(), { held: { token: held } })).steps, []);
  });

  it('refreshes once for one request by annotation', () => {
    const annotations = { [REFRESH_REQUESTED_AT]: 'now' };
    const asked = factsWith(aToken(), { binding: aBinding({ metadata: { annotations } }) });
    const { steps, progress } = plan(asked, issue);
    assert.deepEqual(steps, ['acquiringToken', 'writingSecret']);
    const status = statusOf(progress);
    assert.equal(status.lastHandledRefreshAt, 'now');
    const again = factsWith(fresh, { binding: aBinding({ metadata: { annotations }, status }) });
    assert.deepEqual(plan(again).steps, []);
  });

  it('touches nothing while suspended', () => {
    const binding = aBinding({ spec: { suspend: true, deliveries: [aDelivery()] } });
    const { steps, rest } = plan(factsWith(aToken({ expiresAt: NOON - 1 }), { binding }));
    assert.deepEqual([steps, rest], [[], 'suspended']);
  });

  it("leaves somebody else's Secret alone and asks for no token", () => {
    const { steps, rest } = plan(someFacts({ secret: { state: 'foreign', owner: 'Deployment web' } }));
    assert.deepEqual([steps, rest], [[], 'stalled']);
  });

  it('throws when a step reports what its state does not expect', () => {
    assert.throws(() => new Planner(someFacts()).report({ type: 'unset' }), /does not expect "unset"/);
  });
});

describe('a failed issue', () => {
  const failed = plan(someFacts(), { acquiringToken: { type: 'issueFailed', failure: outage, at: NOON } });
  const status = statusOf(failed.progress);

  it('ends the run and is waited out', () => {
    assert.deepEqual([failed.steps, failed.rest], [['acquiringToken'], 'backingOff']);
    assert.deepEqual(plan(someFacts({ binding: aBinding({ status }) })).steps, []);
  });

  it('is tried again when its time has come', () => {
    const now = Date.parse(status.attempts?.nextTime ?? '');
    const { steps } = plan(someFacts({ now, binding: aBinding({ status }) }), issue);
    assert.deepEqual(steps, ['acquiringToken', 'writingSecret']);
  });

  it('is tried again at once when the credential changed', () => {
    const facts = someFacts({ binding: aBinding({ status }), credential: { version: 'uid/9' } });
    assert.deepEqual(plan(facts, issue).steps, ['acquiringToken', 'writingSecret']);
  });

  it('is tried again at once when the spec changed', () => {
    const binding = aBinding({ metadata: { generation: 2 }, status });
    assert.deepEqual(plan(someFacts({ binding }), issue).steps, ['acquiringToken', 'writingSecret']);
  });

  it('does not keep the stored token from being delivered', () => {
    const due = aToken({ issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
    const binding = aBinding({ spec: { deliveries: [aDelivery()] } });
    const { steps, rest } = plan(factsWith(due, { binding }), {
      ...deliver,
      acquiringToken: { type: 'issueFailed', failure: outage, at: NOON },
    });
    assert.deepEqual(steps, ['acquiringToken', 'recording', 'settingFlySecret', 'recording', 'rollingOut']);
    assert.equal(rest, 'backingOff');
  });
});
