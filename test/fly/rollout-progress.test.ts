import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObservedMachine } from '../../src/fly/observed-machine.ts';
import { planRollout } from '../../src/fly/rollout-plan.ts';
import { progressOf } from '../../src/fly/rollout-progress.ts';
import { aMachine, MEASURE, NOW, withTarget } from './machine-fixture.ts';

const progress = (...fleet: ObservedMachine[]) =>
  progressOf(planRollout(fleet, MEASURE), { app: 'toolbridge-mcp', now: NOW });

describe('a rollout that waits', () => {
  it('names the machines that are to get well', () => {
    const settling = withTarget({ checks: ['failing'], startedAt: NOW, changedAt: NOW });
    const { state, note, failure } = progress(settling, aMachine({ id: 'm2' }));
    assert.deepEqual([state, failure], ['waiting', undefined]);
    assert.equal(note, 'Waiting for machine m1 to become healthy.');
    const two = progress(settling, { ...settling, id: 'm2', metadata: settling.metadata });
    assert.match(two.note ?? '', /^Waiting for machine/);
  });

  it('names the machine that somebody else changes, and its state', () => {
    const busy = aMachine({ state: 'replacing', changedAt: NOW });
    assert.equal(
      progress(busy, withTarget({ id: 'm2' })).note,
      'Machine m1 is being changed by somebody else (state replacing).',
    );
  });

  it('lets a scheduled job end, and says so', () => {
    const { note, failure } = progress(aMachine({ scheduled: true }), withTarget({ id: 'm2' }));
    assert.equal(
      note,
      'Fly app toolbridge-mcp: machine m1 runs a scheduled job, to be updated when that ends, and still has the ' +
        'previous secret; every other machine is up to date (fly-request-id req-1).',
    );
    assert.equal(failure?.message, note);
  });

  it('tells a host that does not answer from a state that allows no update', () => {
    const rest = withTarget({ id: 'm2' });
    assert.match(
      progress(aMachine({ reachable: false }), rest).note ?? '',
      /is on a host that does not answer/,
    );
    const stuck = aMachine({ state: 'replacing', changedAt: NOW - 3_600_000 });
    assert.match(progress(stuck, rest).note ?? '', /cannot be updated in state replacing/);
  });
});

describe('a rollout that failed', () => {
  it('says for how long the machine has been as it is, which may have been well in between', () => {
    const ill = withTarget({ checks: ['failing'], changedAt: NOW - 360_000 });
    assert.equal(
      progress(ill).failure?.message,
      'Fly app toolbridge-mcp: machine m1 is not healthy, 6m0s after its last change; no further machine is touched. ' +
        'See `fly logs -a toolbridge-mcp --machine m1` (fly-request-id req-1).',
    );
  });

  it('claims no time that Fly does not tell', () => {
    const down = withTarget({ state: 'failed', changedAt: undefined });
    assert.match(progress(down).failure?.message ?? '', /machine m1 is failed after its process failed;/);
  });
});
