import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BindingRecord, live } from './life.ts';
import type { LifeSchedule } from './life-schedule.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Two hours with tokens of one hour and nothing in the way; answers take 300 ms. */
const CALM: LifeSchedule = {
  seed: 7,
  token: { lifetimeS: 3600, kind: 'opaque', statesLifetime: true, skewMs: 0, latencyMs: 300 },
  bindings: [{ atLifetimePercent: 67, jitterPercent: 10 }],
  ...{ weather: [], trouble: [], jumps: [], restarts: [], edits: [] },
};

async function liveOne(change: Partial<LifeSchedule>): Promise<BindingRecord> {
  const { bindings, faults } = await live({ ...CALM, ...change });
  assert.deepEqual(faults, []);
  const [binding] = bindings;
  assert.ok(binding);
  return binding;
}

const issueTimes = ({ arrivals }: BindingRecord) => arrivals.map(({ at }) => at);

describe('a clock that is set back', () => {
  it('moves no renewal, whether a moment after a token is stored or long after', async () => {
    const calm = issueTimes(await liveOne({}));
    assert.ok(calm.length >= 3, 'there is something to move');
    for (const at of [SECOND, 20 * MINUTE]) {
      for (const byMs of [-3 * MINUTE, -HOUR, -30 * HOUR])
        assert.deepEqual(issueTimes(await liveOne({ jumps: [{ at, byMs }] })), calm, `${byMs} ms at ${at}`);
    }
  });

  it('moves no renewal when it happens under a request', async () => {
    const calm = issueTimes(await liveOne({}));
    assert.deepEqual(issueTimes(await liveOne({ jumps: [{ at: 100, byMs: -HOUR }] })), calm);
  });

  it('moves no renewal when it happens before the token could be stored', async () => {
    const trouble = [{ from: 0, to: 2 * MINUTE, kind: 'refuses' as const }];
    const calm = issueTimes(await liveOne({ trouble }));
    assert.deepEqual(issueTimes(await liveOne({ trouble, jumps: [{ at: MINUTE, byMs: -HOUR }] })), calm);
  });

  it('does not keep a binding without a token waiting for as long as that', async () => {
    const weather = [{ from: 0, to: 3 * MINUTE, weather: { kind: 'broken' as const } }];
    const { stored } = await liveOne({ weather, jumps: [{ at: MINUTE, byMs: -30 * HOUR }] });
    assert.ok((stored[0]?.at ?? HOUR) < 9 * MINUTE, `${stored[0]?.at}`);
  });
});

describe('a clock that is set forward', () => {
  it('costs one early renewal', async () => {
    const [, second = 0, third = 0] = issueTimes(await liveOne({ jumps: [{ at: 10 * MINUTE, byMs: HOUR }] }));
    assert.ok(second >= 10 * MINUTE && second <= 11 * MINUTE, `${second}`);
    assert.ok(third - second >= 30 * MINUTE, `${third}`);
  });
});
