import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  attemptDeadline,
  hashFraction,
  leadOf,
  type RefreshPolicy,
  refreshTime,
  retryTime,
  urgentTime,
} from '../../src/binding/schedule.ts';
import type { Disposition } from '../../src/failure.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const lifetimes = fc.integer({ min: 30 * SECOND, max: 30 * DAY });
const policies = fc.record({
  atLifetimePercent: fc.integer({ min: 10, max: 80 }),
  jitterPercent: fc.integer({ min: 0, max: 30 }),
  minRemaining: fc.option(fc.integer({ min: 30 * SECOND, max: 720 * HOUR }), { nil: undefined }),
  slowestDelivery: fc.integer({ min: 0, max: 2 * HOUR }),
  isQuotaLow: fc.boolean(),
});
const noJitter: RefreshPolicy = {
  atLifetimePercent: 67,
  jitterPercent: 0,
  slowestDelivery: 0,
  isQuotaLow: false,
};

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

  it('leaves what the spec asks for', () => {
    const policy = { ...noJitter, minRemaining: 3 * HOUR };
    assert.equal(refreshTime({ issuedAt: 0, expiresAt: 8 * HOUR }, policy, 'uid'), 5 * HOUR);
  });

  it('is as late as the lead allows while the quota of tokens is low', () => {
    const policy = { ...noJitter, jitterPercent: 30, isQuotaLow: true };
    assert.equal(refreshTime({ issuedAt: 0, expiresAt: DAY }, policy, 'uid'), DAY - 10 * MINUTE);
  });

  it('always lies within the life, never after the percentage asked for, never within the lead', () => {
    fc.assert(
      fc.property(lifetimes, policies, fc.uuid(), (lifetime, policy, uid) => {
        const at = refreshTime({ issuedAt: 0, expiresAt: lifetime }, policy, uid);
        const byPercent = policy.isQuotaLow ? lifetime : (lifetime * policy.atLifetimePercent) / 100;
        const byLead = lifetime - leadOf({ issuedAt: 0, expiresAt: lifetime }, policy).ms;
        const latest = Math.round(Math.min(byPercent, byLead));
        assert.ok(at > 0 && at <= latest, `${at} of ${lifetime}`);
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

  it('is not before what the other side asked for', () => {
    const setback = {
      disposition: 'retry',
      consecutive: 1,
      notBefore: 90 * SECOND,
      expiresAt: MINUTE,
    } as const;
    assert.equal(retryTime(setback, 0, 0.5), 90 * SECOND);
  });

  it('is minutes away, and at most half an hour, when a person has to act and no token lives', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), randoms, (consecutive, random) => {
        const next = retryTime({ disposition: 'stall', consecutive }, 0, random);
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

describe('a renewal that keeps failing', () => {
  const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const dispositions = fc.constantFrom<Disposition>('retry', 'stall');
  /** How an attempt ends: as what, and after which share of the time it may take. */
  const ends = fc.record({ disposition: dispositions, random: randoms, slowness: randoms });
  /** Status keeps whole seconds, rounded up. */
  const recorded = (at: number) => Math.ceil(at / SECOND) * SECOND;

  /** When each attempt before the expiry of the token starts, when all of them fail as `pattern` says, cyclically. */
  function attemptsOf(
    token: { issuedAt: number; expiresAt: number },
    start: number,
    pattern: End[],
  ): number[] {
    const starts: number[] = [];
    let now = start;
    let same = 0;
    for (let index = 0; now < token.expiresAt && starts.length < 10_000; index += 1) {
      const { disposition, random, slowness } = pattern[index % pattern.length] as End;
      starts.push(now);
      same += 1;
      const failedAt = now + attemptDeadline(token.expiresAt, now) * slowness;
      const { expiresAt } = token;
      now = recorded(retryTime({ disposition, consecutive: same, expiresAt }, failedAt, random));
    }
    return starts;
  }
  type End = { disposition: Disposition; random: number; slowness: number };

  it('is tried five times before the token expires, or three times for a life of less than five minutes', () => {
    fc.assert(
      fc.property(
        lifetimes,
        policies,
        fc.uuid(),
        fc.array(ends, { minLength: 1, maxLength: 12 }),
        (lifetime, policy, uid, pattern) => {
          const token = { issuedAt: 0, expiresAt: lifetime };
          // Under a minRemaining or a delivery that eats it all, half of the life is still left.
          const starts = attemptsOf(token, refreshTime(token, policy, uid), pattern);
          const least = lifetime < 5 * MINUTE ? 3 : 5;
          assert.ok(starts.length >= least, `${starts.length} attempts: ${starts.join(', ')} of ${lifetime}`);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('is never a hot loop: a second at least lies between two attempts', () => {
    fc.assert(
      fc.property(lifetimes, fc.array(ends, { minLength: 1, maxLength: 12 }), (lifetime, pattern) => {
        const token = { issuedAt: 0, expiresAt: lifetime };
        const starts = attemptsOf(token, lifetime / 2, pattern);
        for (const [index, at] of starts.slice(1).entries())
          assert.ok(at - (starts[index] ?? 0) >= SECOND, `${starts[index]} and ${at}`);
      }),
    );
  });
});

describe('the urgent zone', () => {
  it('begins when a quarter of the lead is left', () => {
    const token = { issuedAt: 0, expiresAt: DAY };
    assert.equal(urgentTime(token, noJitter), DAY - 2.5 * MINUTE);
  });

  it('never begins before the refresh', () => {
    fc.assert(
      fc.property(lifetimes, policies, fc.uuid(), (lifetime, policy, uid) => {
        const token = { issuedAt: 0, expiresAt: lifetime };
        assert.ok(urgentTime(token, policy) > refreshTime(token, policy, uid));
      }),
    );
  });
});

describe('the time one attempt may take', () => {
  it('leaves room for more attempts before the token expires', () => {
    assert.equal(attemptDeadline(20 * SECOND, 0), 5 * SECOND);
    assert.equal(attemptDeadline(HOUR, 0), 10 * SECOND);
    assert.equal(attemptDeadline(SECOND, 0), 2 * SECOND);
  });

  it('is the longest when no token lives', () => {
    assert.equal(attemptDeadline(undefined, 0), 10 * SECOND);
    assert.equal(attemptDeadline(5, 10), 10 * SECOND);
  });
});
