import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { FakeClock } from '../support/fake-clock.ts';
import { settled } from '../support/fake-clock.ts';
import { Election } from './election.ts';
import type { LeaseMemory } from './lease-memory.ts';

let election: Election;
let clock: FakeClock;
let lease: LeaseMemory;

beforeEach(() => {
  election = new Election();
  ({ clock, lease } = election);
});

describe('a candidate', () => {
  test('creates the Lease in its name when there is none', async () => {
    const a = election.stand('a');
    await settled();
    assert.equal(a.elector.isLeader(), true);
    assert.deepEqual(a.told, ['start']);
    assert.deepEqual(lease.record, {
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: clock.now(),
      renewTime: clock.now(),
      leaseTransitions: 0,
      resourceVersion: '1',
    });
  });

  test('does not lead while another renews', async () => {
    const a = election.stand('a');
    await settled();
    const b = election.stand('b');
    await clock.advance(600_000);
    assert.deepEqual([a.elector.isLeader(), b.elector.isLeader()], [true, false]);
    assert.equal(b.elector.remainingMs(), 0);
    assert.deepEqual(b.told, []);
  });

  test('takes a Lease that was given back at its next look', async () => {
    const a = election.stand('a');
    await settled();
    const b = election.stand('b');
    await clock.advance(5_000);
    a.abort();
    await a.ended;
    assert.ok((await election.msUntilLeading(b)) <= 2_400);
    assert.equal(lease.record?.leaseTransitions, 1);
  });
});

describe('a candidate in trouble', () => {
  test('goes on with its own Lease after a restart under the same name', async () => {
    const before = election.stand('a');
    await clock.advance(4_000);
    before.connection.fault = 'silent';
    const acquired = lease.record?.acquireTime;
    const again = election.stand('a');
    await settled();
    assert.equal(again.elector.isLeader(), true);
    assert.equal(lease.record?.acquireTime, acquired);
    assert.equal(lease.record?.leaseTransitions, 0);
  });

  test('stands until the API server is there', async () => {
    election.takeByStranger({ holderIdentity: '' });
    const a = election.stand('a');
    a.connection.fault = 'refused';
    await clock.advance(60_000);
    assert.ok(a.errors.length > 20);
    a.connection.fault = undefined;
    assert.ok((await election.msUntilLeading(a)) <= 2_400);
  });
});

describe('of several candidates', () => {
  test('that stand at once one leads, and none complains of a lost race', async () => {
    const all = ['a', 'b', 'c', 'd'].map((name) => election.stand(name));
    await clock.advance(60_000);
    assert.equal(all.filter(({ elector }) => elector.isLeader()).length, 1);
    assert.deepEqual(
      all.flatMap(({ errors }) => errors),
      [],
    );
  });

  test('another leads within 20 s after the leader died, and not within the time the Lease had left', async () => {
    for (const sinceRenewal of [0, 1, 700, 1_999]) {
      for (const random of [0, 0.5, 0.999]) {
        election = new Election();
        ({ clock, lease } = election);
        const a = election.stand('a');
        const b = election.stand('b', random);
        await clock.advance(10_000 + sinceRenewal);
        a.connection.fault = 'silent';
        const left = a.elector.remainingMs();
        const took = await election.msUntilLeading(b);
        assert.ok(took >= left && took < 20_000, `took ${took}, Lease had ${left} left`);
      }
    }
  });
});

describe('a foreign Lease', () => {
  test('counts from when it was last seen to change, whatever times are written in it', async () => {
    for (const skew of [-86_400_000, 86_400_000]) {
      election = new Election();
      ({ clock, lease } = election);
      const at = clock.now() + skew;
      election.takeByStranger({ renewTime: at, acquireTime: at });
      const b = election.stand('b');
      await clock.advance(14_999);
      assert.equal(b.elector.isLeader(), false);
      await clock.advance(1);
      assert.equal(b.elector.isLeader(), true);
    }
  });

  test('is not prolonged by changes to its metadata', async () => {
    election.takeByStranger();
    const b = election.stand('b');
    for (let i = 0; i < 5; i += 1) {
      await clock.advance(3_000);
      if (lease.record && !b.elector.isLeader()) lease.write({ ...lease.record });
    }
    assert.equal(b.elector.isLeader(), true);
  });

  test('is judged by its own duration, not by ours', async () => {
    election.takeByStranger({ leaseDurationSeconds: 40 });
    const b = election.stand('b');
    await clock.advance(39_999);
    assert.equal(b.elector.isLeader(), false);
    await clock.advance(1);
    assert.equal(b.elector.isLeader(), true);
  });
});
