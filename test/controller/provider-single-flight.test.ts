import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SingleFlight } from '../../controller/provider/single-flight.ts';

/** A call that is counted and ends when told to. */
function call() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const state = { made: 0, resolve, reject };
  const make = () => {
    state.made += 1;
    return promise;
  };
  return { state, make };
}

describe('identical calls', () => {
  it('share the answer of the one under way', async () => {
    const flights = new SingleFlight<string>();
    const { state, make } = call();
    const answers = [flights.join('k', make), flights.join('k', make), flights.join('k', make)];
    state.resolve('token');
    assert.deepEqual(await Promise.all(answers), ['token', 'token', 'token']);
    assert.equal(state.made, 1);
  });

  it('are made anew once the one before has ended', async () => {
    const flights = new SingleFlight<string>();
    await flights.join('k', async () => 'first');
    assert.equal(await flights.join('k', async () => 'second'), 'second');
  });

  it('all learn of its failure, also when its caller broke it off; the next try is a new call', async () => {
    const flights = new SingleFlight<string>();
    const { state, make } = call();
    const answers = [flights.join('k', make), flights.join('k', make)];
    const error = new DOMException('broken off', 'AbortError');
    state.reject(error);
    for (const { status, ...rest } of await Promise.allSettled(answers)) {
      assert.deepEqual({ status, ...rest }, { status: 'rejected', reason: error });
    }
    assert.equal(await flights.join('k', async () => 'token'), 'token');
  });

  it('are told apart by their key', async () => {
    const flights = new SingleFlight<string>();
    const { make } = call();
    void flights.join('k', make);
    assert.equal(await flights.join('other', async () => 'mine'), 'mine');
  });
});
