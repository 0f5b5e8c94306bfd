import assert from 'node:assert/strict';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type Census, merged, type Rule } from './life-census.ts';

/** The lives of the seeds from here on; a failure names the seed of the life that broke a rule. */
const FIRST_SEED = 1;
const LIVES = 10_000;
const THREADS = Math.max(2, Math.min(4, availableParallelism()));

/** Every thread takes each n-th seed, so that all have as much to do. */
async function census(): Promise<Census> {
  const shares = Array.from({ length: THREADS }, async (_, index): Promise<Census> => {
    const workerData = { first: FIRST_SEED + index, end: FIRST_SEED + LIVES, step: THREADS };
    const [share] = await once(
      new Worker(new URL('life-worker.ts', import.meta.url), { workerData }),
      'message',
    );
    return share;
  });
  return (await Promise.all(shares)).reduce(merged);
}

/**
 * The controller from its queue to `fetch`, with the clock, the provider and the cluster played: outages, slow
 * and lost answers, 429s, clocks that are wrong and clocks that are stepped, restarts between any two steps,
 * writes refused. Times are judged by the true time, which no one in the play knows.
 */
describe('two hours of a binding, ten thousand times in fast-forward', () => {
  let seen: Census;

  before(async () => {
    seen = await census();
  });

  const assertKept = (rule: Rule) => {
    const broken = seen.breaches.filter((breach) => breach.rule === rule);
    const first = broken.slice(0, 5).map(({ seed, text }) => `seed ${seed}: ${text}`);
    assert.equal(broken.length, 0, `${broken.length} times\n${first.join('\n')}`);
  };

  it('are lived, with good times and bad', (t) => {
    const { lives, tokens, attempts, expiries, worstMarginMs } = seen;
    t.diagnostic(
      `${lives} schedules from seed ${FIRST_SEED}: ${tokens} tokens issued in ${attempts} attempts; worst margin ` +
        `${worstMarginMs / 1000} s before expiry; ${expiries} expired while none could be had`,
    );
    assert.equal(lives, LIVES);
    assert.ok(tokens > 5 * LIVES && attempts > tokens && expiries > 0, 'nothing much happened');
    assertKept('faultless');
  });

  it('never leave consumers an expired second where a token could have been had', () => {
    assert.ok(seen.worstMarginMs > 0, `${seen.worstMarginMs} ms`);
  });

  it('bring a new token within its backoff once it can be had', () => assertKept('renewed'));

  it('issue no token twice; a step of the clock costs one early issue at most', () =>
    assertKept('issuedOnce'));

  it('see one request at a time, and a second at least between two', () => assertKept('unhurried'));

  it('keep to the budget of attempts that the backoff makes', () => assertKept('withinBudget'));

  it('honour every Retry-After', () => assertKept('patient'));
});
