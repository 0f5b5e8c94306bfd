import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { beforeEach, describe, test } from 'node:test';
import type { FakeClock } from '../support/fake-clock.ts';
import { settled } from '../support/fake-clock.ts';
import { Election } from './election.ts';

let election: Election;
let clock: FakeClock;

beforeEach(() => {
  election = new Election();
  ({ clock } = election);
});

describe('the fence', () => {
  test('counts down from the sending of the last renewal', async () => {
    const a = election.stand('a');
    await settled();
    assert.equal(a.elector.remainingMs(), 15_000);
    await clock.advance(1_500);
    assert.equal(a.elector.remainingMs(), 13_500);
    await clock.advance(500);
    assert.equal(a.elector.remainingMs(), 15_000);
  });

  test('does not trust the time that an answer took', async () => {
    const a = election.stand('a');
    const renewing = Promise.withResolvers<void>();
    await settled();
    const update = a.connection.update.bind(a.connection);
    a.connection.update = async (record) => {
      const stored = await update(record);
      await renewing.promise;
      return stored;
    };
    await clock.advance(2_000);
    await clock.advance(3_000);
    renewing.resolve();
    await settled();
    assert.equal(a.elector.remainingMs(), 12_000);
  });

  test('is down the moment a stopped process wakes, before anything else has run', async () => {
    const a = election.stand('a');
    await clock.advance(4_000);
    const requests = a.connection.requests;
    clock.pause(30_000);
    assert.ok(a.elector.remainingMs() <= 0);
    assert.equal(a.elector.isLeader(), false);
    await clock.advance(0);
    assert.deepEqual(a.told, ['start', 'stop']);
    await a.ended;
    assert.equal(a.connection.requests, requests, 'it must not write into the Lease of another');
  });
});

describe('the fence stands on the monotonic clock, which', () => {
  test('steps of the wall clock do not move', async () => {
    const a = election.stand('a');
    await settled();
    clock.jump(3_600_000);
    assert.equal(a.elector.remainingMs(), 15_000);
    clock.jump(-7_200_000);
    assert.equal(a.elector.remainingMs(), 15_000);
    await clock.advance(60_000);
    assert.deepEqual(a.told, ['start']);
  });

  test('runs on in a stopped process', async () => {
    const script = 'setInterval(() => console.log(performance.now()), 10)';
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      let last = Number((await lines.next()).value);
      child.kill('SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, 500));
      child.kill('SIGCONT');
      let longest = 0;
      while (longest < 400) {
        const at = Number((await lines.next()).value);
        longest = Math.max(longest, at - last);
        last = at;
        assert.ok(at < 60_000, 'the stop does not show in the monotonic time');
      }
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
});
