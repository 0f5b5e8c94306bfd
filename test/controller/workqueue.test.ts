import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { WorkQueue } from '../../controller/workqueue.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { Meters, takeAll } from './queue-meters.ts';

const HOUR = 3_600_000;

let clock: FakeClock;
let meters: Meters;
let queue: WorkQueue;

beforeEach(() => {
  clock = new FakeClock();
  meters = new Meters();
  queue = new WorkQueue(clock, meters);
});

describe('a key', () => {
  test('added many times while it waits is taken once', async () => {
    for (let i = 0; i < 5; i += 1) queue.add('a', 'high');
    assert.deepEqual(await takeAll(queue), ['a']);
    assert.equal(meters.adds, 1);
  });

  test('added while it is worked on is taken again, but only after done', async () => {
    queue.add('a', 'high');
    await queue.get();
    queue.add('a', 'high');
    queue.add('a', 'high');
    assert.equal(queue.length, 0);
    queue.done('a');
    assert.deepEqual(await takeAll(queue), ['a']);
  });

  test('goes straight to a worker that waits, the longest waiting first', async () => {
    const first = queue.get();
    const second = queue.get();
    queue.add('a', 'low');
    queue.add('b', 'high');
    assert.deepEqual(await Promise.all([first, second]), ['a', 'b']);
  });

  test('may be of any type that a Map tells apart', async () => {
    const numbers = new WorkQueue<number>(clock, meters);
    numbers.add(0, 'low');
    assert.equal(await numbers.get(), 0);
  });
});

describe('priorities', () => {
  test('people go before timers, each first in first out', async () => {
    for (const key of ['t1', 't2']) queue.add(key, 'low');
    for (const key of ['p1', 'p2']) queue.add(key, 'high');
    assert.deepEqual(await takeAll(queue), ['p1', 'p2', 't1', 't2']);
  });

  test('a key asked for by both is high, whichever came first', async () => {
    for (const key of ['other', 'a', 'b']) queue.add(key, 'low');
    queue.add('b', 'high');
    queue.add('b', 'low');
    assert.deepEqual(await takeAll(queue), ['b', 'other', 'a']);
  });

  test('a key asked for again while it is worked on keeps the highest priority asked for', async () => {
    queue.add('a', 'low');
    await queue.get();
    queue.add('a', 'high');
    queue.add('a', 'low');
    queue.add('other', 'low');
    queue.done('a');
    assert.deepEqual(await takeAll(queue), ['a', 'other']);
  });

  test('one timer key is served after every four people, however many people there are', async () => {
    for (let i = 0; i < 12; i += 1) queue.add(`p${i}`, 'high');
    for (let i = 0; i < 2; i += 1) queue.add(`t${i}`, 'low');
    const order = (await takeAll(queue)).map((key) => key[0]).join('');
    assert.equal(order, 'pppptpppptpppp');
  });

  test('people served while no timer key waited do not count', async () => {
    for (let i = 0; i < 10; i += 1) queue.add(`p${i}`, 'high');
    for (let i = 0; i < 6; i += 1) queue.done((await queue.get()) ?? '');
    queue.add('t', 'low');
    assert.deepEqual(await takeAll(queue), ['p6', 'p7', 'p8', 'p9', 't']);
  });
});

describe('shutting down', () => {
  test('ends every waiting and every later get with undefined', async () => {
    const waiting = queue.get();
    await queue.shutdown();
    assert.equal(await waiting, undefined);
    assert.equal(await queue.get(), undefined);
  });

  test('waits for the keys being worked on, and hands out none of those that wait', async () => {
    for (const key of ['a', 'b', 'c']) queue.add(key, 'high');
    await queue.get();
    await queue.get();
    queue.add('a', 'high');
    let drained = false;
    const down = queue.shutdown().then(() => {
      drained = true;
    });
    queue.done('a');
    await settled();
    assert.equal(drained, false);
    assert.equal(await queue.get(), undefined);
    queue.done('b');
    await down;
    assert.equal(queue.length, 0);
  });

  test('drops what waits for its time, and takes nothing more', async () => {
    queue.addAfter('a', 1_000, 'low');
    await queue.shutdown();
    queue.add('b', 'high');
    queue.addAfter('c', 1, 'high');
    queue.addRateLimited('d');
    assert.equal(clock.timers, 0);
    await clock.advance(HOUR);
    assert.equal(queue.length, 0);
  });
});

describe('the meters', () => {
  test('tell the depth at every change and the time from dirty to taken', async () => {
    queue.add('a', 'low');
    queue.add('b', 'low');
    await clock.advance(1_500);
    queue.add('a', 'high');
    await takeAll(queue);
    assert.equal(meters.adds, 2);
    assert.deepEqual(meters.depths, [1, 2, 2, 1, 0]);
    assert.deepEqual(meters.waits, [1.5, 1.5]);
  });

  test('count the wait of a key added during its run from then on', async () => {
    queue.add('a', 'low');
    await queue.get();
    queue.add('a', 'low');
    await clock.advance(2_000);
    queue.done('a');
    await queue.get();
    assert.deepEqual(meters.waits, [0, 2]);
  });
});
