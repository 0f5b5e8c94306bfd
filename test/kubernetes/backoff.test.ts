import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Backoff } from '../../src/kubernetes/backoff.ts';
import { FakeClock } from '../support/fake-clock.ts';

test('waits double from 800 ms up to 5 s', () => {
  const backoff = new Backoff(new FakeClock(), () => 0);
  const waits = Array.from({ length: 7 }, () => backoff.next());
  assert.deepEqual(waits, [800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000]);
});

test('whatever the chance, every wait lies between 800 ms and 10 s', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.array(chance, { minLength: 1 }), (chances) => {
      const rolls = chances.values();
      const backoff = new Backoff(new FakeClock(), () => rolls.next().value ?? 0);
      for (const _ of chances) {
        const wait = backoff.next();
        assert.ok(wait >= 800 && wait <= 10_000, String(wait));
      }
    }),
  );
});

test('two minutes without a failure begin anew', async () => {
  const clock = new FakeClock();
  const backoff = new Backoff(clock, () => 0);
  for (let failures = 0; failures < 5; failures += 1) backoff.next();
  await clock.advance(120_000);
  assert.equal(backoff.next(), 5_000);
  await clock.advance(120_001);
  assert.equal(backoff.next(), 800);
});

test('a success begins anew', () => {
  const backoff = new Backoff(new FakeClock(), () => 0);
  for (let failures = 0; failures < 5; failures += 1) backoff.next();
  backoff.succeeded();
  assert.equal(backoff.next(), 800);
});
