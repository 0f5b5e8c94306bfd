import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isAtRest, type Measure, standingOf } from '../../src/fly/machine-standing.ts';
import type { ObservedMachine } from '../../src/fly/observed-machine.ts';
import { actors, isServing, MOST_STEPS, play, policies, type Step } from './rollout-simulation.ts';

const RUNS = { numRuns: 1_000 };

/** Plays every rollout and has `check` look at it. */
function inEveryRollout(check: (steps: Step[], measure: Measure) => void): void {
  fc.assert(
    fc.property(actors, policies, (cast, policy) => check(play(cast, policy), policy)),
    RUNS,
  );
}

const given = ({ next }: Step) => (next.do === 'update' || next.do === 'reload' ? next.machines : []);

test('never are more machines that serve taken down than allowed, those counted that are down with the target', () => {
  inEveryRollout((steps, { strategy, maxUnavailable }) => {
    if (strategy === 'Immediate') return;
    for (const { fleet, measure, next } of steps) {
      if (next.do !== 'update') continue;
      const down = next.machines.filter((machine) => isServing(machine, measure)).length;
      const running = fleet.filter((machine) => counts(machine, measure));
      const allowed =
        'count' in maxUnavailable
          ? maxUnavailable.count
          : Math.ceil((running.length * maxUnavailable.percent) / 100);
      const downWithUs = running.filter((machine) => isDownWithUs(machine, measure)).length;
      if (down > 0) assert.ok(down + downWithUs <= allowed, `${down} more than ${downWithUs} of ${allowed}`);
    }
  });
});

test('until one machine runs well with the target, no second running machine gets it', () => {
  inEveryRollout((steps, { strategy }) => {
    if (strategy === 'Immediate') return;
    for (const step of steps) {
      const { fleet, measure } = step;
      const holders = fleet.filter((machine) => holdsAndRuns(machine, measure));
      if (holders.some((machine) => standingOf(machine, measure) === 'current')) continue;
      const more = given(step).filter((machine) => !isAtRest(machine));
      if (more.length > 0)
        assert.ok(holders.length + more.length === 1, `${holders.length} + ${more.length}`);
    }
  });
});

test('after a machine went down with the target, nothing more is touched', () => {
  inEveryRollout((steps, { strategy }) => {
    if (strategy === 'Immediate') return;
    for (const { fleet, measure, next } of steps) {
      if (fleet.some((machine) => standingOf(machine, measure) === 'broken')) assert.equal(next.do, 'halt');
    }
  });
});

test('no machine is given a new version twice for one target', () => {
  inEveryRollout((steps) => {
    const updated = steps.flatMap(({ next }) =>
      next.do === 'update' ? next.machines.map(({ id }) => id) : [],
    );
    assert.equal(new Set(updated).size, updated.length);
  });
});

test('running machines are written to again only in another boot', () => {
  inEveryRollout((steps) => {
    const boots = steps.flatMap(({ next }) =>
      next.do === 'reload' ? next.machines.map(({ id, startedAt }) => `${id} ${startedAt}`) : [],
    );
    assert.equal(new Set(boots).size, boots.length);
  });
});

test('with Reload, no machine that runs is given a new version', () => {
  inEveryRollout((steps, { strategy }) => {
    if (strategy !== 'Reload') return;
    const running = steps.flatMap((step) => (step.next.do === 'update' ? given(step) : []));
    assert.ok(running.every(({ state }) => state !== 'started'));
  });
});

test('what is at rest gets the target only when no machine that serves is left to get it', () => {
  inEveryRollout((steps, { strategy }) => {
    if (strategy === 'Immediate') return;
    for (const step of steps) {
      if (!given(step).some(isAtRest)) continue;
      const { fleet, measure } = step;
      const left = fleet.filter((machine) => standingOf(machine, measure) === 'running');
      assert.ok(!left.some((machine) => isServing(machine, measure)));
    }
  });
});

test('every rollout ends', () => {
  inEveryRollout((steps) => assert.ok(steps.length < MOST_STEPS, JSON.stringify(steps.at(-1))));
});

/** Down with the target, or in the middle of somebody's change: one that is ill without either takes up no room. */
function isDownWithUs(machine: ObservedMachine, measure: Measure): boolean {
  return !isServing(machine, measure) && standingOf(machine, measure) !== 'running';
}

/** Whether a machine is one of those of which so many may be down. */
function counts(machine: ObservedMachine, measure: Measure): boolean {
  return !isAtRest(machine) && !['skipped', 'held'].includes(standingOf(machine, measure));
}

function holdsAndRuns(machine: ObservedMachine, measure: Measure): boolean {
  const standing = standingOf(machine, measure);
  const isOver =
    standing === 'skipped' || standing === 'held' || standing === 'running' || standing === 'busy';
  return !isOver && !isAtRest(machine);
}
