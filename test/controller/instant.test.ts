import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { byWallNow, instantOf, steppedSince } from '../../controller/instant.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MINUTE = 60_000;

describe('a step of the wall clock', () => {
  it('is told by the clock that cannot jump, in both directions', () => {
    for (const step of [3 * MINUTE, -3 * MINUTE]) {
      const clock = new FakeClock();
      const then = instantOf(clock);
      clock.pause(10 * MINUTE);
      clock.jump(step);
      assert.equal(steppedSince(then, clock), step);
    }
  });

  it('is none while time passes as it should, or drifts by less than a second', () => {
    const clock = new FakeClock();
    const then = instantOf(clock);
    clock.pause(10 * MINUTE);
    clock.jump(-900);
    assert.equal(steppedSince(then, clock), 0);
  });

  it('moves a lifetime along that was told before it', () => {
    const clock = new FakeClock();
    const then = instantOf(clock);
    const told = { issuedAt: clock.now(), expiresAt: clock.now() + MINUTE, id: 'kept' };
    clock.jump(-5 * MINUTE);
    assert.deepEqual(byWallNow(told, then, clock), {
      ...{ issuedAt: clock.now(), expiresAt: clock.now() + MINUTE, id: 'kept' },
    });
  });
});
