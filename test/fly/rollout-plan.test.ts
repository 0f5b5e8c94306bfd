import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isServing } from '../../src/fly/machine-health.ts';
import { isAtRest, standingOf } from '../../src/fly/machine-standing.ts';
import type { ObservedMachine } from '../../src/fly/observed-machine.ts';
import type { Batch } from '../../src/fly/rollout-batch.ts';
import { markerFor } from '../../src/fly/rollout-marker.ts';
import { planRollout } from '../../src/fly/rollout-plan.ts';
import { aMachine, MEASURE, NOW, withTarget } from './machine-fixture.ts';

const STATES = [
  'created',
  'started',
  'stopped',
  'suspended',
  'failed',
  'starting',
  'stopping',
  'replacing',
  'destroyed',
  'a_new_state',
];

const exits = fc.record({
  requested: fc.boolean(),
  code: fc.constantFrom(0, 1),
  restarting: fc.boolean(),
  restarts: fc.nat(3),
  uptimeMs: fc.option(fc.nat(60_000), { nil: undefined }),
});

const machines = fc.record({
  state: fc.constantFrom(...STATES),
  reachable: fc.boolean(),
  oneShot: fc.boolean(),
  scheduled: fc.boolean(),
  checksConfigured: fc.nat(2),
  checks: fc.array(fc.constantFrom('passing' as const, 'failing' as const), { maxLength: 2 }),
  changedAt: fc.option(fc.integer({ min: NOW - 900_000, max: NOW }), { nil: undefined }),
  startedAt: fc.option(fc.integer({ min: NOW - 900_000, max: NOW }), { nil: undefined }),
  lastExit: fc.option(exits, { nil: undefined }),
  marked: fc.option(fc.constantFrom(6, 7, 8), { nil: undefined }),
});

const wildFleets = fc.array(machines, { maxLength: 8 }).map((all) =>
  all.map(({ marked, ...change }, index) => {
    const id = `m${index}`;
    const metadata = new Map(marked === undefined ? [] : [[MEASURE.marker, markerFor(id, marked)]]);
    return aMachine({ ...change, id, metadata });
  }),
);

/** Fleets in which nothing stands in the way of an update. */
const calmFleets = fc
  .array(fc.constantFrom('current', 'serving', 'unwell', 'failed', 'resting', 'skipped'), { maxLength: 8 })
  .map((kinds) => kinds.map((kind, index) => calm(kind, `m${index}`)));

const fleets = fc.oneof(wildFleets, calmFleets);

function calm(kind: string, id: string): ObservedMachine {
  switch (kind) {
    case 'current':
      return withTarget({ id });
    case 'unwell':
      return aMachine({ id, checks: ['failing'] });
    case 'failed':
      return aMachine({ id, state: 'failed' });
    case 'resting':
      return aMachine({ id, state: 'stopped' });
    default:
      return aMachine({ id, oneShot: kind === 'skipped' });
  }
}

function serves(machine: ObservedMachine): boolean {
  return isServing(machine, NOW);
}

function standings(fleet: readonly ObservedMachine[]) {
  return fleet.map((machine) => standingOf(machine, MEASURE));
}

test('a running machine is only updated when every updated machine is well and no other is changing', () => {
  fc.assert(
    fc.property(fleets, (fleet) => {
      const { next } = planRollout(fleet, MEASURE);
      if (next.do !== 'update' || next.machines.every(isAtRest)) return;
      const unsafe = ['settling', 'overdue', 'broken', 'busy'];
      assert.deepEqual(
        standings(fleet).filter((standing) => unsafe.includes(standing)),
        [],
      );
    }),
  );
});

test('what is updated lacks the target and is neither skipped, unreachable nor in the middle of a change', () => {
  fc.assert(
    fc.property(fleets, (fleet) => {
      const { next } = planRollout(fleet, MEASURE);
      if (next.do !== 'update') return;
      for (const machine of next.machines) {
        assert.ok(['running', 'resting'].includes(standingOf(machine, MEASURE)));
        assert.equal(machine.reachable, true);
      }
    }),
  );
});

test('a rollout is finished exactly when every machine is current or skipped', () => {
  fc.assert(
    fc.property(fleets, (fleet) => {
      const { next, machines: count } = planRollout(fleet, MEASURE);
      assert.equal(next.do === 'finish', count.current + count.skipped === count.total);
      assert.equal(count.total, fleet.length);
    }),
  );
});

test('a broken machine halts everything', () => {
  fc.assert(
    fc.property(fleets, (fleet) => {
      assert.equal(planRollout(fleet, MEASURE).next.do === 'halt', standings(fleet).includes('broken'));
    }),
  );
});

test('the plan does not depend on the order of the list', () => {
  fc.assert(
    fc.property(fleets, (fleet) => {
      assert.deepEqual(planRollout(fleet.toReversed(), MEASURE), planRollout(fleet, MEASURE));
    }),
  );
});

test('a machine that does not serve gets the target only when none is left that serves and lacks it', () => {
  fc.assert(
    fc.property(fleets, (fleet) => {
      const { next } = planRollout(fleet, MEASURE);
      if (next.do !== 'update' || !next.machines.some((machine) => !isAtRest(machine) && !serves(machine)))
        return;
      const running = fleet.filter((machine) => standingOf(machine, MEASURE) === 'running');
      assert.ok(!running.some(serves));
    }),
  );
});

test('machines at rest come after every one that serves', () => {
  fc.assert(
    fc.property(fleets, (fleet) => {
      const { next } = planRollout(fleet, MEASURE);
      if (next.do === 'update' && next.machines.some(isAtRest)) {
        const left = fleet.filter((machine) => standingOf(machine, MEASURE) === 'running');
        assert.ok(!left.some(serves));
      }
    }),
  );
});

test('if every update makes its machine well, a rollout ends and touches each machine at most once', () => {
  fc.assert(
    fc.property(fleets, (fleet) => {
      const touched: string[] = [];
      let now = fleet;
      for (;;) {
        const { next } = planRollout(now, MEASURE);
        if (next.do !== 'update') break;
        const ids = next.machines.map(({ id }) => id);
        touched.push(...ids);
        now = now.map((machine) => (ids.includes(machine.id) ? updated(machine) : machine));
      }
      assert.equal(new Set(touched).size, touched.length);
    }),
  );
});

function updated(machine: ObservedMachine): ObservedMachine {
  const { id, state, metadata } = machine;
  return isAtRest(machine)
    ? withTarget({ ...machine, lastExit: undefined, metadata: without(metadata) })
    : withTarget({ id, state: state === 'failed' ? 'started' : state });
}

function without(metadata: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...metadata].filter(([key]) => key !== MEASURE.marker));
}

test('a machine that still starts with the target before counts as down, until it should have started', () => {
  const booting = (changedAt: number) =>
    aMachine({ id: 'm1', checks: [], changedAt, metadata: new Map([[MEASURE.marker, markerFor('m1', 6)]]) });
  const next = (machine: ObservedMachine) =>
    planRollout([machine, aMachine({ id: 'm2' }), aMachine({ id: 'm3' })], MEASURE).next;
  const fresh = booting(NOW - 2_000);
  assert.deepEqual(next(fresh), { do: 'awaitBoot', machine: fresh });
  const { do: action, machines: [first] = [] } = next(booting(NOW - 30_000)) as Batch;
  assert.deepEqual([action, first?.id], ['update', 'm2']);
});
