import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppClaims } from '../../controller/app-claims.ts';
import type { DeliveryStatus } from '../../src/binding/token-binding.generated.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { recorded } from '../binding/results.ts';
import { aBinding, aDelivery, aToken, NOON } from '../support/binding.ts';

const spec = { deliveries: [aDelivery()] };
const TOKEN = { id: aToken().id, issuedAt: '', expiresAt: '' };

function binding(uid: string, change: Partial<DeliveryStatus> = {}, status: object = {}): TokenBinding {
  const deliveries = recorded('Retain').deliveries.map((record) => ({ ...record, ...change }));
  return aBinding({
    metadata: { uid, namespace: uid },
    spec,
    status: { token: TOKEN, nextRefreshTime: '2026-11-24T20:00:00Z', deliveries, ...status },
  });
}
const record = (of: TokenBinding) => of.status?.deliveries?.[0] as DeliveryStatus;
const isRival = (own: TokenBinding, ...others: TokenBinding[]) =>
  new AppClaims(own, [own, ...others]).isRival(record(own));
const EARLY = '2026-11-24T08:00:00Z';
const LATE = '2026-11-24T09:00:00Z';

describe('two bindings that write one secret', () => {
  it('are told apart by who wrote it first', () => {
    const [early, late] = [binding('b', { firstWriteTime: EARLY }), binding('a', { firstWriteTime: LATE })];
    assert.deepEqual([isRival(early, late), isRival(late, early)], [false, true]);
  });

  it('are told apart by their UID when both wrote in the same second', () => {
    const [a, b] = [binding('a', { firstWriteTime: EARLY }), binding('b', { firstWriteTime: EARLY })];
    assert.deepEqual([isRival(a, b), isRival(b, a)], [false, true]);
  });

  it('claim nothing by naming it: only a write counts', () => {
    const [writer, namer] = [binding('b', { firstWriteTime: LATE }), binding('a')];
    assert.deepEqual([isRival(writer, namer), isRival(namer, writer)], [false, true]);
    assert.equal(isRival(namer, binding('c')), false);
  });

  it('are no rivals once one is being deleted, or points elsewhere', () => {
    const late = binding('a', { firstWriteTime: LATE });
    const early = binding('b', { firstWriteTime: EARLY });
    const dying = { ...early, metadata: { ...early.metadata, deletionTimestamp: EARLY } };
    const moved = { ...early, spec: { ...early.spec, deliveries: [aDelivery({ secretName: 'OTHER' })] } };
    assert.deepEqual([isRival(late, dying), isRival(late, moved)], [false, false]);
  });
});

describe('bindings that feed one app', () => {
  const other = (change: Partial<DeliveryStatus> = {}, status: object = {}) =>
    new AppClaims(binding('a'), [binding('b', change, status)]);
  const { app } = record(binding('a')).target;

  it('wait for one that is about to be renewed, or whose token is not there yet', () => {
    assert.equal(other().isAwaited(app, NOON), false);
    assert.equal(other({}, { nextRefreshTime: '2026-11-24T12:00:10Z' }).isAwaited(app, NOON), true);
    assert.equal(other({ tokenId: 'older' }).isAwaited(app, NOON), true);
    assert.equal(other({ tokenId: 'older' }).isAwaited('another-app', NOON), false);
  });

  it('do not wait for one that fails, or has been overdue for long', () => {
    assert.equal(other({ tokenId: 'older', attempts: { consecutive: 1 } }).isAwaited(app, NOON), false);
    assert.equal(other({ tokenId: 'older' }, { attempts: { consecutive: 2 } }).isAwaited(app, NOON), false);
    assert.equal(other({}, { nextRefreshTime: '2026-11-24T11:00:00Z' }).isAwaited(app, NOON), false);
  });

  it('know of each other what they wrote', () => {
    const claims = new AppClaims(binding('a'), [
      binding('b', { secretsVersion: 9 }),
      binding('c', { secretsVersion: 7 }),
    ]);
    const versions = (of: string) => claims.deliveriesTo(of).map(({ secretsVersion }) => secretsVersion);
    assert.deepEqual([versions(app), versions('another-app')], [[9, 7], []]);
  });
});
