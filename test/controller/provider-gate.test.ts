import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Ask } from '../../controller/provider/ask.ts';
import { DeferredError } from '../../controller/provider/deferred-error.ts';
import type { EndpointLimits } from '../../controller/provider/endpoint.ts';
import { ProviderGate } from '../../controller/provider/gate.ts';
import { FailureError, failure, type IssueFailureReason, WithheldError } from '../../src/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ENDPOINT } from './provider-crowd.ts';
import { ProviderMeters } from './provider-meters.ts';

const HOUR = 3_600_000;

let clock: FakeClock;
let meters: ProviderMeters;

beforeEach(() => {
  clock = new FakeClock();
  meters = new ProviderMeters();
});

function gateOf(limits: Partial<EndpointLimits> = {}): ProviderGate {
  const defaults = { requestsPerSecond: 10, burst: 1, concurrency: 4 };
  return new ProviderGate({ clock, meters, limits: { ...defaults, ...limits } });
}

const askOf = (key: string, ask: Partial<Ask> = {}): Ask => ({
  endpoint: ENDPOINT,
  key: `shop/${key}`,
  urgent: false,
  expiresAt: clock.now() + HOUR,
  ...ask,
});

const answer = async () => 'token';

const refuse = (reason: IssueFailureReason, notBefore?: number) => async () => {
  throw new FailureError(failure(reason, 'It was refused.', notBefore));
};

/** How long the gate makes this one wait, in ms; undefined when the call was made. */
async function waitOf(gate: ProviderGate, ask: Ask): Promise<number | undefined> {
  let made = false;
  try {
    await gate.execute(ask, async () => {
      made = true;
    });
  } catch (error) {
    assert.ok(error instanceof DeferredError);
    assert.equal(made, false);
    return error.until - clock.now();
  }
  assert.ok(made);
}

/** A call that goes on until it is let go. */
function hanging(gate: ProviderGate, ask: Ask): { end(): Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const call = gate.execute(ask, () => promise);
  return {
    end: async () => {
      resolve();
      await call;
    },
  };
}

describe('the provider gate', () => {
  it('hands on what the call returns, and what it throws', async () => {
    const gate = gateOf({ burst: 2 });
    assert.equal(await gate.execute(askOf('a'), answer), 'token');
    const error = new RangeError('a fault');
    await assert.rejects(
      gate.execute(askOf('a'), () => Promise.reject(error)),
      (thrown) => thrown === error,
    );
  });

  it('withholds a call beyond the rate and says when to come back', async () => {
    const gate = gateOf();
    await gate.execute(askOf('a'), answer);
    await assert.rejects(gate.execute(askOf('b'), answer), (error: unknown) => {
      assert.ok(error instanceof DeferredError && error instanceof WithheldError);
      assert.equal(error.reason, 'busy');
      assert.equal(error.until, clock.now() + 100);
      return !error.message.includes('issuer.test');
    });
    assert.deepEqual(meters.deferrals, ['busy']);
    await clock.advance(100);
    assert.equal(await gate.execute(askOf('b'), answer), 'token');
  });

  it('gives those who wait different turns, one interval apart', async () => {
    const gate = gateOf({ burst: 3 });
    const waits = [];
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) waits.push(await waitOf(gate, askOf(key)));
    assert.deepEqual(waits, [undefined, undefined, undefined, 100, 200, 300]);
  });

  it('keeps the place of one that asks before its turn', async () => {
    const gate = gateOf();
    const [b, c] = [askOf('b'), askOf('c')];
    await waitOf(gate, askOf('a'));
    assert.equal(await waitOf(gate, b), 100);
    assert.equal(await waitOf(gate, c), 200);
    await clock.advance(50);
    assert.equal(await waitOf(gate, b), 50);
    assert.equal(await waitOf(gate, c), 150);
  });

  it('treats each endpoint by itself', async () => {
    const gate = gateOf();
    await gate.execute(askOf('a'), answer);
    assert.equal(await waitOf(gate, askOf('b', { endpoint: 'https://other.test/token' })), undefined);
  });

  it('lets the pressing go first, then those that hold nothing, then what expires first', async () => {
    const gate = gateOf();
    await waitOf(gate, askOf('first'));
    const asks = [
      askOf('late', { expiresAt: clock.now() + 2 * HOUR }),
      askOf('early'),
      askOf('new', { urgent: true, expiresAt: undefined }),
      askOf('expired', { urgent: true, expiresAt: clock.now() - HOUR }),
    ];
    for (const ask of asks) assert.equal(await waitOf(gate, ask), 100, 'each goes before those that came');
    await clock.advance(100);
    for (const [index, ask] of asks.entries()) {
      assert.equal(await waitOf(gate, ask), index === 3 ? undefined : 300 - index * 100);
    }
  });

  it('blocks nobody for long when one does not come back', async () => {
    const gate = gateOf();
    await waitOf(gate, askOf('a'));
    await waitOf(gate, askOf('gone', { urgent: true }));
    await waitOf(gate, askOf('b'));
    await clock.advance(5_101);
    assert.equal(await waitOf(gate, askOf('c')), 100, 'behind b alone');
    assert.equal(await waitOf(gate, askOf('b')), undefined);
  });

  it('forgets a binding that is gone', async () => {
    const gate = gateOf();
    await waitOf(gate, askOf('a'));
    await waitOf(gate, askOf('gone', { urgent: true }));
    gate.forget('shop/gone');
    await clock.advance(100);
    assert.equal(await waitOf(gate, askOf('b')), undefined);
  });

  it('bounds the calls under way, and frees the place of one that ends', async () => {
    const gate = gateOf({ burst: 10, concurrency: 2 });
    const calls = [hanging(gate, askOf('a')), hanging(gate, askOf('b'))];
    await clock.advance(4_000);
    assert.equal(await waitOf(gate, askOf('c')), 2_000, 'two calls that take four seconds: one each two');
    for (const call of calls) await call.end();
    assert.equal(await waitOf(gate, askOf('c')), undefined);
    await assert.rejects(gate.execute(askOf('d'), refuse('CredentialsInvalid')), FailureError);
    assert.equal(await waitOf(gate, askOf('e')), undefined, 'a call that failed has freed its place');
  });

  it('stays right when the wall clock is set back', async () => {
    const gate = gateOf();
    await waitOf(gate, askOf('a'));
    clock.jump(-24 * HOUR);
    assert.equal(await waitOf(gate, askOf('b')), 100);
    await clock.advance(100);
    assert.equal(await waitOf(gate, askOf('b')), undefined);
  });

  it('looks again at a turn that is minutes away', async () => {
    const gate = gateOf();
    for (let index = 0; index <= 1500; index += 1) {
      const wait = (await waitOf(gate, askOf(`${index}`))) ?? 0;
      if (index <= 1200) assert.equal(wait, index * 100);
      else assert.ok(wait >= 60_000 && wait <= 120_000);
    }
  });

  it('forgets an endpoint that nobody has asked for an hour', async () => {
    const gate = gateOf();
    for (const key of ['a', 'b', 'a', 'b', 'a']) {
      await assert.rejects(gate.execute(askOf(key), refuse('ProviderUnavailable')));
      await clock.advance(100);
    }
    assert.equal(meters.open, 1);
    await clock.advance(0.9 * HOUR);
    assert.equal(meters.open, 1);
    await clock.advance(0.4 * HOUR);
    assert.equal(meters.open, 0);
    assert.equal(clock.timers, 0);
  });
});

describe('a 429', () => {
  it('holds the whole endpoint until its floor, also for the pressing', async () => {
    const gate = gateOf({ burst: 10 });
    await assert.rejects(gate.execute(askOf('a'), refuse('RateLimited', clock.now() + 20_000)));
    assert.equal(await waitOf(gate, askOf('b')), 20_000);
    assert.equal(await waitOf(gate, askOf('c')), 20_100, 'and no burst afterwards');
    assert.equal(await waitOf(gate, askOf('d', { urgent: true })), 20_000);
  });

  it('without a floor ends the burst', async () => {
    const gate = gateOf({ burst: 10 });
    await assert.rejects(gate.execute(askOf('a'), refuse('RateLimited')));
    assert.equal(await waitOf(gate, askOf('b')), undefined);
    assert.equal(await waitOf(gate, askOf('c')), 100);
  });

  it('with a floor of more than a minute speaks for its client alone, as a spent quota does', async () => {
    const gate = gateOf({ burst: 10 });
    await assert.rejects(gate.execute(askOf('a'), refuse('RateLimited', clock.now() + 60_001)));
    await assert.rejects(gate.execute(askOf('b'), refuse('QuotaExceeded', clock.now() + 20_000)));
    for (const key of ['c', 'd', 'e']) assert.equal(await waitOf(gate, askOf(key)), undefined);
  });
});
