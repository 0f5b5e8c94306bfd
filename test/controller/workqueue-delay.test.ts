import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { WorkQueue } from '../../controller/workqueue.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Meters, takeAll } from './queue-meters.ts';

let clock: FakeClock;
let meters: Meters;
let queue: WorkQueue;

beforeEach(() => {
  clock = new FakeClock();
  meters = new Meters();
  queue = new WorkQueue(clock, meters);
});

const HOUR = 3_600_000;

describe('a delayed key', () => {
  test('is ready when its time has come, and not before', async () => {
    queue.addAfter('a', 1_000, 'low');
    await clock.advance(999);
    assert.equal(queue.length, 0);
    await clock.advance(1);
    assert.deepEqual(await takeAll(queue), ['a']);
  });

  test('whose delay is no number stands in nobody’s way, and is looked at soon', async () => {
    queue.addAfter('broken', Number.NaN, 'low');
    queue.addAfter('a', 1_000, 'low');
    await clock.advance(1_000);
    assert.deepEqual(await takeAll(queue), ['a']);
    await clock.advance(60_000);
    assert.deepEqual(await takeAll(queue), ['broken']);
  });

  test('keeps the earliest time asked for', async () => {
    queue.addAfter('a', 5_000, 'low');
    queue.addAfter('a', 1_000, 'low');
    queue.addAfter('a', 3_000, 'low');
    await clock.advance(1_000);
    assert.deepEqual(await takeAll(queue), ['a']);
    await clock.advance(HOUR);
    assert.equal(queue.length, 0);
  });

  test('keeps the highest priority asked for, even of a later time', async () => {
    queue.addAfter('other', 500, 'low');
    queue.addAfter('a', 1_000, 'low');
    queue.addAfter('a', 5_000, 'high');
    await clock.advance(1_000);
    assert.deepEqual(await takeAll(queue), ['a', 'other']);
  });

  test('without a delay, or with one in the past, is ready at once', async () => {
    queue.addAfter('a', 0, 'low');
    queue.addAfter('b', -5, 'low');
    assert.deepEqual(await takeAll(queue), ['a', 'b']);
  });

  test('loses its time when it becomes ready otherwise', async () => {
    queue.addAfter('a', 1_000, 'low');
    queue.add('a', 'high');
    assert.deepEqual(await takeAll(queue), ['a']);
    await clock.advance(HOUR);
    assert.equal(queue.length, 0);
  });
});

describe('the time of a delayed key', () => {
  test('is kept by one timer, however many keys there are', async () => {
    for (let i = 0; i < 5_000; i += 1) queue.addAfter(`k${i}`, 1_000 + ((i * 7_919) % 5_000), 'low');
    assert.equal(clock.timers, 1);
    await clock.advance(6_000);
    assert.equal((await takeAll(queue)).length, 5_000);
    assert.equal(clock.timers, 0);
  });

  test('may be sixty days away', async () => {
    queue.addAfter('a', 60 * 24 * HOUR, 'low');
    clock.pause(60 * 24 * HOUR - 1);
    await clock.advance(0);
    assert.equal(queue.length, 0);
    await clock.advance(1);
    assert.equal(queue.length, 1);
  });

  test('that passed while the machine was suspended is noticed within a minute', async () => {
    queue.addAfter('a', 2 * HOUR, 'low');
    clock.jump(3 * HOUR);
    await clock.advance(60_000);
    assert.equal(queue.length, 1);
  });

  test('is not held up by a wall clock that is set back', async () => {
    queue.addAfter('a', 2_000, 'low');
    clock.jump(-24 * HOUR);
    queue.addAfter('b', 1_000, 'low');
    await clock.advance(1_000);
    assert.deepEqual(await takeAll(queue), ['b']);
    await clock.advance(1_000);
    assert.deepEqual(await takeAll(queue), ['a']);
  });
});

describe('a failing key', () => {
  /** Milliseconds until the key that was just handed in again is ready. */
  async function delayOfRetry(): Promise<number> {
    const before = clock.monotonic();
    queue.addRateLimited('a');
    const taken = queue.get();
    let ready = false;
    void taken.then(() => {
      ready = true;
    });
    while (!ready) await clock.advance(5);
    queue.done('a');
    return clock.monotonic() - before;
  }

  test('comes back after 5 ms, then doubled each time', async () => {
    const delays: number[] = [];
    for (let i = 0; i < 6; i += 1) delays.push(await delayOfRetry());
    assert.deepEqual(delays, [5, 10, 20, 40, 80, 160]);
    assert.equal(meters.retries, 6);
  });

  test('waits no longer than a minute', async () => {
    for (let i = 0; i < 2_000; i += 1) queue.addRateLimited('other');
    await clock.advance(5);
    assert.deepEqual(await takeAll(queue), ['other']);
    queue.addRateLimited('other');
    await clock.advance(59_999);
    assert.equal(queue.length, 0);
    await clock.advance(1);
    assert.equal(queue.length, 1);
  });

  test('starts anew once forgotten', async () => {
    await delayOfRetry();
    await delayOfRetry();
    queue.forget('a');
    assert.equal(await delayOfRetry(), 5);
  });

  test('keeps the priority of the run that failed', async () => {
    queue.add('a', 'high');
    await queue.get();
    queue.addRateLimited('a');
    queue.done('a');
    queue.add('other', 'low');
    await clock.advance(5);
    assert.deepEqual(await takeAll(queue), ['a', 'other']);
  });
});
