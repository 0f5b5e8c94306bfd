import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hashFraction, refreshTime, retryTime } from '../../src/binding/schedule.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const lifetimes = fc.integer({ min: 30 * SECOND, max: 30 * DAY });
const policies = fc.record({
  atLifetimePercent: fc.integer({ min: 10, max: 80 }),
  jitterPercent: fc.integer({ min: 0, max: 30 }),
  slowestDelivery: fc.integer({ min: 0, max: 2 * HOUR }),
});
const noJitter = { atLifetimePercent: 67, jitterPercent: 0, slowestDelivery: 0 };

describe('the refresh time', () => {
  it('is two thirds into a long life', () => {
    assert.equal(
      refreshTime({ issuedAt: 0, expiresAt: 24 * HOUR }, noJitter, 'uid'),
      Math.round(0.67 * 24 * HOUR),
    );
  });

  it('leaves ten minutes of a short life for spreading the new token', () => {
    assert.equal(refreshTime({ issuedAt: 0, expiresAt: 25 * MINUTE }, noJitter, 'uid'), 15 * MINUTE);
  });

  it('is half way through a life too short for that', () => {
    assert.equal(refreshTime({ issuedAt: 0, expiresAt: MINUTE }, noJitter, 'uid'), 30 * SECOND);
  });

  it('leaves one and a half of the slowest delivery seen, and two minutes', () => {
    const policy = { ...noJitter, atLifetimePercent: 80, slowestDelivery: 12 * MINUTE };
    assert.equal(refreshTime({ issuedAt: 0, expiresAt: HOUR }, policy, 'uid'), HOUR - 20 * MINUTE);
  });

  it('always lies within the life, never after the percentage asked for', () => {
    fc.assert(
      fc.property(lifetimes, policies, fc.uuid(), (lifetime, policy, uid) => {
        const at = refreshTime({ issuedAt: 0, expiresAt: lifetime }, policy, uid);
        const latest = (lifetime * policy.atLifetimePercent) / 100;
        assert.ok(at > 0 && at <= Math.round(latest), `${at} of ${lifetime}`);
      }),
    );
  });

  it('is never before half of the life unless the percentage asks for it', () => {
    fc.assert(
      fc.property(lifetimes, policies, fc.uuid(), (lifetime, policy, uid) => {
        const at = refreshTime({ issuedAt: 0, expiresAt: lifetime }, policy, uid);
        const floor = lifetime * Math.min(0.5, policy.atLifetimePercent / 100);
        assert.ok(at >= Math.floor(floor));
      }),
    );
  });

  it('is the same at every look, and spread over objects', () => {
    const token = { issuedAt: 0, expiresAt: DAY };
    const policy = { ...noJitter, jitterPercent: 10 };
    assert.equal(refreshTime(token, policy, 'uid-1'), refreshTime(token, policy, 'uid-1'));
    const times = Array.from({ length: 1000 }, (_, index) => refreshTime(token, policy, `uid-${index}`));
    const perHour = Map.groupBy(times, (at) => Math.floor(at / (16 * MINUTE)));
    assert.ok(new Set(times).size > 990, 'hardly two objects are due in the same millisecond');
    assert.ok(perHour.size >= 6, 'the tenth of the time is used');
  });
});

describe('the hash that chooses jitter', () => {
  it('lies in [0, 1) for any text', () => {
    fc.assert(fc.property(fc.string(), (text) => hashFraction(text) >= 0 && hashFraction(text) < 1));
  });
});

describe('the time of the next attempt', () => {
  const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it('is never sooner than a second, so that no draw makes a hot loop', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), randoms, lifetimes, (consecutive, random, left) => {
        const next = retryTime({ disposition: 'retry', consecutive, expiresAt: left }, 0, random);
        assert.ok(next >= SECOND);
      }),
    );
  });

  it('fits at least five attempts into what is left of the token, whatever was drawn', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10 * SECOND, max: 30 * DAY }),
        fc.array(randoms, { minLength: 5 }),
        (left, draws) => {
          let now = 0;
          for (const [index, random] of draws.slice(0, 5).entries()) {
            now = retryTime({ disposition: 'retry', consecutive: index + 1, expiresAt: left }, now, random);
          }
          assert.ok(now < left, `the fifth attempt is at ${now} of ${left}`);
        },
      ),
    );
  });

  it('is not before what the other side asked for', () => {
    const setback = {
      disposition: 'retry',
      consecutive: 1,
      notBefore: 90 * SECOND,
      expiresAt: MINUTE,
    } as const;
    assert.equal(retryTime(setback, 0, 0.5), 90 * SECOND);
  });

  it('is minutes away, and at most half an hour, when a person has to act', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), randoms, (consecutive, random) => {
        const next = retryTime({ disposition: 'stall', consecutive, expiresAt: MINUTE }, 0, random);
        assert.ok(next >= 2.5 * MINUTE && next <= 30 * MINUTE);
      }),
    );
  });

  it('grows with every failure up to five minutes', () => {
    const at = (consecutive: number) => retryTime({ disposition: 'retry', consecutive }, 0, 0.999_999);
    assert.deepEqual(
      [1, 2, 3].map((n) => Math.round(at(n) / SECOND)),
      [2, 4, 8],
    );
    assert.equal(Math.round(at(40) / SECOND), 300);
  });
});
