import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Arrival, Crowd, ENDPOINT } from './provider-crowd.ts';

const MINUTE = 60_000;
const RATE = 10;
const LIMITS = { requestsPerSecond: RATE, burst: 10, concurrency: 4 };

/** Always the same numbers in [0, 1). */
function numbers(): () => number {
  let state = 7;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

interface Outage {
  readonly crowd: Crowd;
  /** Those whose consumers are about to fail. */
  readonly pressing: ReadonlySet<string>;
  readonly during: readonly Arrival[];
  readonly after: readonly Arrival[];
  readonly recoveredAt: number;
}

/** A thousand bindings due within ten seconds at a provider that fails for five minutes, and ten minutes more. */
async function outage(options: { pressing: number; answerMs: number }): Promise<Outage> {
  const random = numbers();
  const crowd = new Crowd({ limits: LIMITS, answerMs: options.answerMs, random });
  crowd.isDown = true;
  const pressing = new Set<string>();
  for (let index = 0; index < 1000; index += 1) {
    const key = `shop/binding-${index}`;
    const urgent = (index * 7) % 1000 < options.pressing;
    if (urgent) pressing.add(key);
    const expiresAt = crowd.clock.now() + (urgent ? 8 : 30 + 10 * random()) * MINUTE;
    crowd.clock.after(random() * 10_000, () => crowd.wake({ endpoint: ENDPOINT, key, expiresAt, urgent }));
  }
  await crowd.clock.advance(5 * MINUTE);
  crowd.isDown = false;
  const recoveredAt = crowd.clock.monotonic();
  const during = [...crowd.arrivals];
  await crowd.clock.advance(10 * MINUTE);
  return { crowd, pressing, during, after: crowd.arrivals.slice(during.length), recoveredAt };
}

/** The largest number of calls by which any span of time exceeds its share. */
function excess(arrivals: readonly Arrival[]): number {
  let most = 0;
  for (const [first, from] of arrivals.entries()) {
    for (const [last, to] of arrivals.slice(first).entries()) {
      most = Math.max(most, last + 1 - ((to.at - from.at) / 1000) * RATE);
    }
  }
  return most;
}

describe('a thousand bindings at a provider that fails for five minutes', () => {
  for (const answerMs of [50, 900]) {
    describe(`and answers in ${answerMs} ms`, () => {
      it('ask it a few times only, are spread afterwards and all served', async () => {
        const { crowd, during, after, recoveredAt } = await outage({ pressing: 0, answerMs });
        assert.ok(during.length <= 5 + 4 + 7, `${during.length} calls during the outage`);
        assert.ok(excess(after) <= 1 + 1e-6, `${excess(after)} calls more than the rate, after it`);
        assert.deepEqual(crowd.served.length, 1000);
        assert.equal(new Set(crowd.served).size, 1000);
        const last = after.at(-1)?.at ?? 0;
        const shortest = Math.max(1000 / RATE, answerMs / LIMITS.concurrency) * 1000;
        assert.ok(last - recoveredAt < shortest * 1.5 + MINUTE, `took ${last - recoveredAt} ms`);
        assert.ok(crowd.asks < 20 * 1000, `${crowd.asks} runs`);
      });

      it('are served the pressing first, which may ask all the while, one a second', async () => {
        const { crowd, pressing, during, after, recoveredAt } = await outage({ pressing: 60, answerMs });
        const seconds = 5 * 60;
        assert.ok(during.length > 60, 'pressing bindings ask during the outage');
        assert.ok(during.length <= seconds + 5 + 4 + 7, `${during.length} calls during the outage`);
        assert.ok(excess(after) <= 1 + 1e-6, `${excess(after)} calls more than the rate, after it`);
        assert.equal(new Set(crowd.served).size, 1000);
        const late = after.filter(({ key, at }) => pressing.has(key) && at - recoveredAt > 20_000);
        // Their own backoff is a tenth of the three minutes that are left.
        assert.deepEqual(late, []);
      });
    });
  }

  it('are seen in the meters', async () => {
    const { crowd } = await outage({ pressing: 0, answerMs: 50 });
    const { changes, open, deferrals } = crowd.meters;
    const [first, ...others] = changes;
    assert.equal(first, 'open');
    assert.deepEqual(changes.slice(-2), ['half_open', 'closed']);
    for (const [index, state] of others.slice(0, -1).entries()) {
      assert.equal(state, index % 2 === 0 ? 'half_open' : 'open');
    }
    assert.equal(open, 0);
    assert.ok(deferrals.includes('open') && deferrals.includes('busy'));
  });
});
