import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { DeferredError } from '../../controller/provider/deferred-error.ts';
import { ProviderGate } from '../../controller/provider/gate.ts';
import { DISPOSITIONS, FailureError, type FailureReason, failure, WithheldError } from '../../src/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ENDPOINT } from './provider-crowd.ts';
import { ProviderMeters } from './provider-meters.ts';

let clock: FakeClock;
let meters: ProviderMeters;
let gate: ProviderGate;

beforeEach(() => {
  clock = new FakeClock();
  meters = new ProviderMeters();
  const limits = { requestsPerSecond: 1000, burst: 100, concurrency: 10 };
  gate = new ProviderGate({ clock, meters, limits });
});

const failing = (reason: FailureReason) => async () => {
  throw new FailureError(failure(reason, 'It did not work.'));
};
const outage = failing('ProviderUnavailable');
const answer = async () => 'token';

interface Member {
  readonly urgent?: boolean;
  readonly expiresAt?: number;
  readonly endpoint?: string;
}

/** `made`, or how long this one has to wait, in ms. What the call itself throws is ignored. */
async function ask(call: () => Promise<unknown>, key = 'a', member: Member = {}): Promise<'made' | number> {
  let isMade = false;
  const observed = () => {
    isMade = true;
    return call();
  };
  try {
    await gate.execute({ endpoint: ENDPOINT, key, urgent: false, expiresAt: 1, ...member }, observed);
  } catch (error) {
    if (error instanceof DeferredError) return error.until - clock.now();
  }
  assert.ok(isMade);
  return 'made';
}

async function open(): Promise<void> {
  for (const key of ['a', 'b', 'a', 'b', 'a']) assert.equal(await ask(outage, key), 'made');
  assert.equal(meters.open, 1);
}

const pressing: Member = { urgent: true, expiresAt: 1 };

describe("a provider's circuit", () => {
  it('opens after five outages in a row and rests for ten seconds', async () => {
    await open();
    assert.deepEqual(meters.changes, ['open']);
    assert.equal(await ask(answer, 'c'), 10_000);
    await clock.advance(9_999);
    assert.equal(await ask(answer, 'c'), 1);
    assert.deepEqual(meters.deferrals, ['open', 'open']);
  });

  it('stays closed when an answer comes between', async () => {
    for (const key of ['a', 'b', 'a', 'b']) await ask(outage, key);
    await ask(answer, 'c');
    for (const key of ['a', 'b', 'a', 'b']) await ask(outage, key);
    assert.equal(meters.open, 0);
  });

  it('takes every refusal for an answer', async () => {
    const reasons = Object.keys(DISPOSITIONS) as FailureReason[];
    for (const reason of reasons.filter((name) => name !== 'ProviderUnavailable' && name !== 'RateLimited')) {
      for (const key of ['a', 'b', 'a', 'b']) await ask(outage, key);
      assert.equal(await ask(failing(reason), 'c'), 'made');
    }
    assert.equal(meters.open, 0);
  });

  it('learns nothing from calls that were broken off or withheld', async () => {
    for (const key of ['a', 'b', 'a', 'b']) await ask(outage, key);
    await ask(() => Promise.reject(new DOMException('aborted', 'AbortError')), 'c');
    await ask(() => Promise.reject(new WithheldError('no Lease')), 'c');
    assert.equal(meters.open, 0);
    await ask(outage, 'a');
    assert.equal(meters.open, 1);
  });

  it('is not opened by one binding alone, whose trouble may be its own', async () => {
    for (let count = 0; count < 20; count += 1) assert.equal(await ask(outage), 'made');
    assert.equal(meters.open, 0);
    await ask(outage, 'b');
    assert.equal(meters.open, 1);
  });

  it('is of one endpoint only', async () => {
    await open();
    assert.equal(await ask(answer, 'c', { endpoint: 'https://other.test/token' }), 'made');
  });

  it('lets a single probe try after the rest, and closes when it is answered', async () => {
    await open();
    await clock.advance(10_000);
    const { promise, resolve } = Promise.withResolvers<string>();
    const probe = ask(() => promise, 'c');
    assert.deepEqual(meters.changes, ['open', 'half_open']);
    assert.equal(await ask(answer, 'd'), 1_000);
    assert.equal(meters.open, 1, 'half open is not closed');
    resolve('token');
    assert.equal(await probe, 'made');
    assert.deepEqual(meters.changes, ['open', 'half_open', 'closed']);
    assert.equal(meters.open, 0);
    await clock.advance(2);
    assert.equal(await ask(answer, 'd'), 'made');
  });

  it('also closes when the probe is refused', async () => {
    await open();
    await clock.advance(10_000);
    await ask(failing('CredentialsInvalid'), 'c');
    assert.equal(meters.open, 0);
  });

  it('stays open when the probe is broken off', async () => {
    await open();
    await clock.advance(10_000);
    await ask(() => Promise.reject(new DOMException('aborted', 'AbortError')), 'c');
    assert.deepEqual(meters.changes, ['open', 'half_open', 'open']);
  });

  it('rests longer after each probe that fails, up to a minute, and ten seconds again after it was closed', async () => {
    await open();
    const rests = [];
    for (let count = 0; count < 5; count += 1) {
      const rest = await ask(outage, 'c');
      assert.ok(rest !== 'made');
      rests.push(rest);
      await clock.advance(rest);
      assert.equal(await ask(outage, 'c'), 'made');
    }
    assert.deepEqual(rests, [10_000, 20_000, 40_000, 60_000, 60_000]);
    await clock.advance(60_000);
    await ask(answer, 'c');
    await clock.advance(1_000);
    await open();
    assert.equal(await ask(answer, 'c'), 10_000);
  });

  it('rests neither longer nor shorter when the wall clock is set', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: clock.now() });
    await open();
    t.mock.timers.setTime(clock.now() - 86_400_000);
    clock.jump(-86_400_000);
    assert.equal(await ask(answer, 'c'), 10_000);
    clock.jump(2 * 86_400_000);
    assert.equal(await ask(answer, 'c'), 10_000);
    await clock.advance(10_000);
    assert.equal(await ask(answer, 'c'), 'made');
  });

  it('greets a provider that has come back with no burst', async () => {
    const limits = { requestsPerSecond: 10, burst: 100, concurrency: 10 };
    gate = new ProviderGate({ clock, meters, limits });
    await open();
    await clock.advance(10_000);
    assert.equal(await ask(answer, 'c'), 'made');
    assert.equal(await ask(answer, 'd'), 100);
  });

  it('spreads those that wait for its end over the time after it', async () => {
    const limits = { requestsPerSecond: 10, burst: 100, concurrency: 10 };
    gate = new ProviderGate({ clock, meters, limits });
    await open();
    const waits = [];
    for (const key of ['c', 'd', 'e']) waits.push(await ask(answer, key));
    assert.deepEqual(waits, [10_000, 10_100, 10_200]);
  });
});

describe('a pressing binding', () => {
  it('may ask while the circuit is open, and closes it when it is answered', async () => {
    await open();
    await clock.advance(1_000);
    assert.equal(await ask(answer, 'c', pressing), 'made');
    assert.deepEqual(meters.changes, ['open', 'half_open', 'closed']);
  });

  it('does so once a second, however many there are', async () => {
    await open();
    assert.equal(await ask(outage, 'c', pressing), 1_000);
    await clock.advance(1_000);
    assert.equal(await ask(outage, 'c', pressing), 'made');
    for (const key of ['d', 'e', 'f']) assert.notEqual(await ask(outage, key, pressing), 'made');
    await clock.advance(1_000);
    assert.equal(await ask(outage, 'd', pressing), 'made');
    assert.notEqual(await ask(outage, 'e', pressing), 'made');
  });

  it('does not prolong the rest of the others when it fails', async () => {
    await open();
    for (let second = 1; second < 10; second += 1) {
      await clock.advance(1_000);
      assert.equal(await ask(outage, 'c', pressing), 'made');
      assert.equal(await ask(answer, 'd'), 10_000 - second * 1_000);
    }
    await clock.advance(1_000);
    assert.equal(await ask(answer, 'd'), 'made');
    assert.equal(meters.open, 0);
  });

  it('does not wait for a probe that hangs', async () => {
    await open();
    await clock.advance(10_000);
    const { promise, resolve } = Promise.withResolvers<string>();
    const probe = ask(() => promise, 'c');
    await clock.advance(1_000);
    assert.equal(await ask(answer, 'd', pressing), 'made');
    assert.deepEqual(meters.changes, ['open', 'half_open']);
    resolve('token');
    await probe;
    assert.equal(meters.open, 0);
  });

  it('keeps to the bound of calls under way', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const calls = Array.from({ length: 9 }, (_, index) => ask(() => promise, `hanging-${index}`));
    await open();
    await clock.advance(1_000);
    calls.push(ask(() => promise, 'probe', pressing));
    await clock.advance(1_000);
    assert.notEqual(await ask(answer, 'c', pressing), 'made');
    assert.equal(meters.deferrals.at(-1), 'busy');
    resolve('token');
    await Promise.all(calls);
  });

  it('is one whose consumers held a token: those that never had one wait like all others', async () => {
    await open();
    await clock.advance(5_000);
    assert.equal(await ask(answer, 'new', { urgent: true, expiresAt: 0 }), 5_000);
  });
});
