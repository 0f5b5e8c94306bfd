import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Rate } from '../../controller/provider/rate.ts';

/** Lets one go at each of these times if it may; returns when one went. */
function goAt(rate: Rate, times: readonly number[]): number[] {
  return times.filter((now) => {
    const may = rate.readyAt(0, now) <= now;
    if (may) rate.take(now);
    return may;
  });
}

describe('a rate', () => {
  it('lets a burst go at once, and then one per interval', () => {
    const rate = new Rate({ requestsPerSecond: 10, burst: 3 });
    assert.deepEqual(goAt(rate, [0, 0, 0, 0, 99, 100, 199, 200, 200]), [0, 0, 0, 100, 200]);
  });

  it('never lets more than the burst and its share of the time go, in whatever window', () => {
    const limits = fc.record({
      requestsPerSecond: fc.integer({ min: 1, max: 100 }),
      burst: fc.integer({ min: 1, max: 20 }),
    });
    const steps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 150 });
    fc.assert(
      fc.property(limits, steps, (limit, waits) => {
        let now = 0;
        const went = goAt(
          new Rate(limit),
          waits.map((wait) => (now += wait)),
        );
        for (const [first, from] of went.entries()) {
          for (const [further, to] of went.slice(first).entries()) {
            const allowed = limit.burst + ((to - from) / 1000) * limit.requestsPerSecond;
            assert.ok(further + 1 <= allowed + 1e-6, `${further + 1} in ${to - from} ms`);
          }
        }
      }),
    );
  });

  it('says exactly when the one behind so many others may go', () => {
    const taken = fc.integer({ min: 0, max: 30 });
    fc.assert(
      fc.property(taken, fc.integer({ min: 0, max: 50 }), (before, ahead) => {
        const rate = new Rate({ requestsPerSecond: 8, burst: 5 });
        goAt(rate, Array(before).fill(1000));
        const turn = rate.readyAt(ahead, 1000);
        // Those ahead go as soon as each may.
        for (let other = 0; other < ahead; other += 1) rate.take(rate.readyAt(0, 1000));
        assert.equal(rate.readyAt(0, 1000), turn);
        assert.equal(rate.readyAt(0, turn), turn);
      }),
    );
  });

  it('lets none go while it is held, and none in a burst afterwards', () => {
    const rate = new Rate({ requestsPerSecond: 10, burst: 3 });
    rate.hold(5_000);
    assert.deepEqual(goAt(rate, [0, 4_999, 5_000, 5_000, 5_099, 5_100]), [5_000, 5_100]);
  });

  it('is held until the latest of several times', () => {
    const rate = new Rate({ requestsPerSecond: 10, burst: 3 });
    rate.hold(5_000);
    rate.hold(2_000);
    assert.equal(rate.readyAt(0, 0), 5_000);
  });
});
