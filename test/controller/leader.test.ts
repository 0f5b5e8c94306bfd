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

describe('the leader', () => {
  test('renews with a single write every two seconds', async () => {
    const a = election.stand('a');
    await settled();
    const [gets, writes] = [lease.gets, lease.writes];
    await clock.advance(60_000);
    assert.deepEqual([lease.gets - gets, lease.writes - writes], [0, 30]);
    assert.equal(lease.record?.renewTime, clock.now());
    assert.deepEqual(a.told, ['start']);
  });

  test('survives failures shorter than the renew deadline', async () => {
    const a = election.stand('a');
    await clock.advance(2_000);
    a.connection.fault = 'refused';
    await clock.advance(7_000);
    a.connection.fault = undefined;
    await clock.advance(30_000);
    assert.deepEqual(a.told, ['start']);
    assert.equal(a.errors.length, 3);
  });

  test('goes on when the answer to a renewal was lost', async () => {
    const a = election.stand('a');
    await settled();
    a.connection.fault = 'lost';
    await clock.advance(2_000);
    a.connection.fault = undefined;
    await clock.advance(30_000);
    assert.deepEqual(a.told, ['start']);
    assert.equal(lease.record?.leaseTransitions, 0);
  });
});

describe('a leader whose Lease was touched', () => {
  test('takes it back when it was deleted', async () => {
    const a = election.stand('a');
    await settled();
    lease.remove();
    await clock.advance(2_000);
    assert.deepEqual(a.told, ['start']);
    assert.equal(lease.record?.holderIdentity, 'a');
  });

  test('stops at once when it reads the name of another', async () => {
    const a = election.stand('a');
    await settled();
    election.takeByStranger();
    await clock.advance(2_000);
    assert.deepEqual(a.told, ['start', 'stop']);
    await a.ended;
    assert.equal(lease.record?.holderIdentity, 'stranger');
  });
});

describe('a leader that cannot renew', () => {
  for (const fault of ['refused', 'silent'] as const) {
    test(`stops at the renew deadline, before another can start (${fault})`, async () => {
      const a = election.stand('a');
      await clock.advance(4_000);
      a.connection.fault = fault;
      await clock.advance(9_999);
      assert.equal(a.elector.isLeader(), true);
      await clock.advance(1);
      assert.deepEqual(a.told, ['start', 'stop']);
      await a.ended;
      assert.equal(a.elector.isLeader(), false);
      assert.equal(a.elector.remainingMs(), 0);
      const b = election.stand('b');
      await clock.advance(4_999);
      assert.equal(b.elector.isLeader(), false);
    });
  }
});

describe('on abort', () => {
  test('the leader stops leading, then gives the Lease back', async () => {
    const a = election.stand('a');
    await clock.advance(3_000);
    a.abort();
    await settled();
    assert.deepEqual(a.told, ['start', 'stop']);
    await a.ended;
    assert.equal(lease.record?.holderIdentity, '');
    assert.equal(lease.record?.leaseDurationSeconds, 1);
    assert.equal(clock.timers, 0);
  });

  test('a candidate ends without touching the Lease of the leader', async () => {
    election.stand('a');
    await settled();
    const b = election.stand('b');
    await clock.advance(3_000);
    b.abort();
    await b.ended;
    assert.deepEqual(b.told, []);
    assert.equal(lease.record?.holderIdentity, 'a');
  });

  test('the leader does not blank the name of another', async () => {
    const a = election.stand('a');
    await settled();
    election.takeByStranger();
    a.abort();
    await a.ended;
    assert.equal(lease.record?.holderIdentity, 'stranger');
  });

  test('the leader waits five seconds at most for an API server that does not answer', async () => {
    const a = election.stand('a');
    await settled();
    a.connection.fault = 'silent';
    a.abort();
    await clock.advance(5_000);
    assert.deepEqual(a.told, ['start', 'stop']);
    await a.ended;
  });
});
