import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Ask, compareAsks } from '../../controller/provider/ask.ts';
import { Crowd, ENDPOINT } from './provider-crowd.ts';

const HOUR = 3_600_000;

describe('a crowd due at once', () => {
  const people = fc.array(fc.record({ urgent: fc.boolean(), minutes: fc.integer({ min: 0, max: 60 }) }), {
    minLength: 1,
    maxLength: 60,
  });

  it('is served by urgency, expiry and arrival, at the full rate, each once', async () => {
    await fc.assert(
      fc.asyncProperty(people, async (members) => {
        const limits = { requestsPerSecond: 10, burst: 1, concurrency: 4 };
        const crowd = new Crowd({ limits, answerMs: 0, random: () => 0.5 });
        const start = crowd.clock.monotonic();
        const asks = members.map(({ urgent, minutes }, index) => {
          const expiresAt = minutes === 0 ? undefined : crowd.clock.now() + minutes * 60_000;
          return { endpoint: ENDPOINT, key: `shop/${index}`, urgent, expiresAt };
        });
        const first: Ask = { endpoint: ENDPOINT, key: 'shop/first', urgent: false };
        for (const ask of [first, ...asks]) crowd.wake(ask);
        await crowd.clock.advance(60_000);
        const order = [first, ...asks.toSorted(compareAsks)].map(({ key }) => key);
        assert.deepEqual(crowd.served, order);
        assert.deepEqual(
          crowd.arrivals.map(({ at }) => at - start),
          order.map((_, index) => index * 100),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('never exceeds burst, rate and concurrency, whoever comes when and however long answers take', async () => {
    const arrivals = fc.array(fc.record({ atMs: fc.integer({ min: 0, max: 5_000 }), urgent: fc.boolean() }), {
      minLength: 1,
      maxLength: 80,
    });
    const limit = fc.record({
      requestsPerSecond: fc.integer({ min: 1, max: 20 }),
      burst: fc.integer({ min: 1, max: 10 }),
      concurrency: fc.integer({ min: 1, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(
        arrivals,
        limit,
        fc.integer({ min: 0, max: 3_000 }),
        async (people, limits, answerMs) => {
          const crowd = new Crowd({ limits, answerMs, random: () => 0.5 });
          for (const [index, { atMs, urgent }] of people.entries()) {
            const ask = {
              endpoint: ENDPOINT,
              key: `shop/${index}`,
              urgent,
              expiresAt: crowd.clock.now() + HOUR,
            };
            crowd.clock.after(atMs, () => crowd.wake(ask));
          }
          await crowd.clock.advance(600_000);
          assert.equal(new Set(crowd.served).size, people.length);
          assert.equal(crowd.served.length, people.length);
          for (const [first, from] of crowd.arrivals.entries()) {
            for (const [further, to] of crowd.arrivals.slice(first).entries()) {
              const allowed = limits.burst + ((to.at - from.at) / 1000) * limits.requestsPerSecond;
              assert.ok(further + 1 <= allowed + 1e-6);
              if (to.at - from.at < answerMs) assert.ok(further + 1 <= limits.concurrency);
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
