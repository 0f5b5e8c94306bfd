import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppClaims } from '../../controller/app-claims.ts';
import { REFRESH_REQUESTED_AT } from '../../src/binding/names.ts';
import type { DeliveryStatus, TokenBindingStatus } from '../../src/binding/token-binding.generated.ts';
import type { ObjectMeta, TokenBinding } from '../../src/binding/token-binding.ts';
import { recorded } from '../binding/results.ts';
import { aBinding, aDelivery, aToken, NOON } from '../support/binding.ts';

const APP = 'toolbridge-mcp';
const spec = { deliveries: [aDelivery()] };
const settled: TokenBindingStatus = {
  token: { id: aToken().id, issuedAt: '', expiresAt: '' },
  nextRefreshTime: '2026-11-24T20:00:00Z',
  deliveries: recorded('Retain').deliveries,
};
const own = aBinding({ metadata: { uid: 'own' }, spec });
const other = (status?: TokenBindingStatus, metadata: Partial<ObjectMeta> = {}): TokenBinding =>
  aBinding({ metadata: { uid: 'other', ...metadata }, spec, ...(status && { status }) });
const isAwaited = (binding: TokenBinding) => new AppClaims(own, [own, binding]).isAwaited(APP, NOON);

describe('a rollout waits for a binding of the same app', () => {
  it('of which somebody asked a refresh, until that was attempted', () => {
    const annotations = { [REFRESH_REQUESTED_AT]: 'now' };
    assert.equal(isAwaited(other(settled)), false);
    assert.equal(isAwaited(other(settled, { annotations })), true);
    assert.equal(isAwaited(other({ ...settled, lastHandledRefreshAt: 'now' }, { annotations })), false);
  });

  it('that was created a moment ago, in the same namespace only', () => {
    assert.equal(isAwaited(other()), true);
    assert.equal(isAwaited(other(undefined, { namespace: 'strangers' })), false);
  });

  it('of another namespace once that has written to the app', () => {
    const [delivery] = settled.deliveries as [DeliveryStatus];
    const { tokenId: _, ...unwritten } = delivery;
    const proven = { ...unwritten, firstWriteTime: '2026-11-24T08:00:00Z' };
    const strange = (record: DeliveryStatus) =>
      other({ ...settled, deliveries: [record] }, { namespace: 'strangers' });
    assert.deepEqual([isAwaited(strange(unwritten)), isAwaited(strange(proven))], [false, true]);
  });

  it('but for one that waits for a person', () => {
    const stalled = { type: 'Stalled', status: 'True', reason: 'SecretConflict', message: '' } as const;
    const conditions = [{ ...stalled, lastTransitionTime: '2026-11-24T08:00:00Z' }];
    assert.equal(isAwaited(other({ observedGeneration: 1, conditions })), false);
  });
});

describe('a secret that another binding is about to unset', () => {
  const [written] = recorded('Delete').deliveries;
  const status = { ...settled, deliveries: [{ ...written, claimed: true }] } as TokenBindingStatus;
  const dying = other(status, { deletionTimestamp: '2026-11-24T11:59:00Z' });
  const moved: TokenBinding = { ...other(status), spec: { ...own.spec, deliveries: [] } };
  const record = { name: 'mcp', target: written?.target } as DeliveryStatus;
  const isRival = (leaving: TokenBinding, change: Partial<DeliveryStatus> = {}) =>
    new AppClaims(own, [own, leaving]).isRival({ ...record, ...change });

  it('is written once that is done, or it would be unset with the other', () => {
    assert.deepEqual([isRival(dying), isRival(moved)], [true, true]);
    const done = { ...moved, status: { ...status, deliveries: [], cleanups: [] } };
    assert.equal(isRival(done), false);
  });

  it('stays ours when we have written it already', () => {
    assert.equal(isRival(dying, { tokenId: 'ours' }), false);
  });
});
