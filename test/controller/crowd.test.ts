import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Arrival } from '../support/simulated-provider.ts';
import { bindingIn, CrowdedIssuer, nameOf } from './crowded-issuer.ts';

const SECOND = 1_000;
const COUNT = 1_000;
/** What the issuer allows; the controller's own default as well. */
const PER_SECOND = 10;
/** Renewed after half of it, urgent for the last eighth. */
const LIFETIME_S = 600;
const URGENT_MS = (LIFETIME_S * SECOND) / 8;
/** Begins before the first renewal is due, and ends when the first tokens are urgent. */
const OUTAGE = { from: 250 * SECOND, to: 550 * SECOND };
const END = 700 * SECOND;

/** The most arrivals in any second. */
function busiestSecond(arrivals: readonly Arrival[]): number {
  const counts = arrivals.map(
    ({ at }) => arrivals.filter((other) => at <= other.at && other.at < at + SECOND).length,
  );
  return Math.max(...counts);
}

describe(`${COUNT} bindings at one issuer that allows ${PER_SECOND} requests a second and fails for 5 minutes`, () => {
  let issuer: CrowdedIssuer;
  let arrivals: Arrival[];
  let during: { open: Record<string, number>; changes: Record<string, number> };
  before(async () => {
    issuer = new CrowdedIssuer({
      ...{ count: COUNT, perSecond: PER_SECOND, lifetimeS: LIFETIME_S, outage: OUTAGE },
    });
    await issuer.goOnUntil(OUTAGE.to - SECOND);
    during = {
      open: await issuer.metric('circuit_open'),
      changes: await issuer.metric('circuit_transitions_total'),
    };
    await issuer.goOnUntil(END);
    arrivals = issuer.arrivals;
  });

  const between = (from: number, to: number) => arrivals.filter(({ at }) => from <= at && at < to);

  it('ask for their first tokens no faster than the issuer allows', () => {
    assert.equal(new Set(between(0, OUTAGE.from).map(bindingIn)).size, COUNT);
    assert.equal(between(0, OUTAGE.from).length, COUNT, 'each asks once');
    assert.deepEqual(
      arrivals.filter(({ weather }) => weather === 'limited'),
      [],
    );
  });

  it('leave the issuer alone while it is down, but for probes and for tokens about to expire', (t) => {
    const calm = between(OUTAGE.from, LIFETIME_S * SECOND - URGENT_MS);
    const pressing = between(LIFETIME_S * SECOND - URGENT_MS, OUTAGE.to);
    t.diagnostic(
      `${calm.length} requests in the outage, ${pressing.length} once tokens were about to expire`,
    );
    assert.ok(calm.length <= 15, `${calm.length} requests while nothing was urgent`);
    assert.ok(
      pressing.length <= (OUTAGE.to - LIFETIME_S * SECOND + URGENT_MS) / SECOND + 1,
      `${pressing.length}`,
    );
  });

  it('come back no faster than the issuer allows, in any second', (t) => {
    const after = between(OUTAGE.to, END);
    t.diagnostic(`at most ${busiestSecond(after)} requests in a second after the recovery`);
    assert.ok(busiestSecond(after) <= PER_SECOND);
  });

  it('all hold a new token in the end, and each asked for it once', (t) => {
    const after = between(OUTAGE.to, END);
    assert.equal(after.length, COUNT);
    assert.equal(new Set(after.map(bindingIn)).size, COUNT);
    const last = Math.max(...after.map(({ at }) => at));
    t.diagnostic(`all current ${((last - OUTAGE.to) / SECOND).toFixed(1)} s after the recovery`);
    assert.ok(last - OUTAGE.to <= (COUNT / PER_SECOND) * SECOND * 1.1, 'the allowed rate is used');
  });

  it('go by urgency: who is about to expire asks first, and none of them expires', (t) => {
    const expiryOf = (name: string) => issuer.heldBy(name)[0]?.expiresAt ?? 0;
    const after = between(OUTAGE.to, END);
    const isUrgent = (arrival: Arrival) => expiryOf(bindingIn(arrival)) - URGENT_MS <= OUTAGE.to;
    const urgent = after.filter(isUrgent);
    assert.ok(urgent.length > 100, `only ${urgent.length} are urgent`);
    assert.ok(after.slice(0, urgent.length).every(isUrgent), 'others asked before the urgent ones');
    const margins = Array.from({ length: COUNT }, (_, index) => {
      const [first, second] = issuer.heldBy(nameOf(index));
      return (first?.expiresAt ?? 0) - (second?.from ?? Number.POSITIVE_INFINITY);
    });
    t.diagnostic(
      `${urgent.length} were urgent; at least ${Math.min(...margins) / SECOND} s of life were left`,
    );
    assert.ok(Math.min(...margins) > 0, 'a token expired before its successor came');
  });

  it('are worked on without a fault of the controller', () => {
    assert.deepEqual(issuer.faults, []);
  });

  it('show the circuit in the metrics', async () => {
    assert.deepEqual(during.open, { '': 1 });
    assert.ok((during.changes.open ?? 0) > 1, 'probes failed');
    assert.deepEqual(await issuer.metric('circuit_open'), { '': 0 });
    const { open = 0, half_open, closed } = await issuer.metric('circuit_transitions_total');
    assert.deepEqual({ half_open, closed }, { half_open: open, closed: 1 });
    const deferred = await issuer.metric('requests_deferred_total');
    assert.ok((deferred.busy ?? 0) >= COUNT && (deferred.open ?? 0) >= COUNT, JSON.stringify(deferred));
  });
});
