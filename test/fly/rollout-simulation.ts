import fc from 'fast-check';
import { healthOfStarted } from '../../src/fly/machine-health.ts';
import { isAtRest, type Measure, standingOf } from '../../src/fly/machine-standing.ts';
import type { ObservedMachine } from '../../src/fly/observed-machine.ts';
import { reloadNoteFor } from '../../src/fly/reload-note.ts';
import { markerFor } from '../../src/fly/rollout-marker.ts';
import { type NextAction, planRollout } from '../../src/fly/rollout-plan.ts';
import { aMachine, MEASURE, NOW } from './machine-fixture.ts';

/** How a machine takes the target: it gets well at once or after some looks, never, or its process ends. */
export type Reaction = 'well' | 'slow' | 'never' | 'crash' | 'idle';

/** A machine, and what it does when it gets the target or when somebody else turns to it. */
export interface Actor {
  readonly machine: ObservedMachine;
  readonly reaction: Reaction;
  /** By step of the simulation, until the list is over: what happens to it without us. */
  readonly fate: readonly ('none' | 'ill' | 'cured' | 'busy' | 'stopped' | 'woken')[];
}

/** What the planner asked for, and the fleet before that. */
export interface Step {
  readonly fleet: readonly ObservedMachine[];
  readonly measure: Measure;
  readonly next: NextAction;
}

const STEP_MS = 5_000;
const SLOW_MS = 12_000;
/** More than any simulated fleet needs. */
export const MOST_STEPS = 400;
export const NOTE_KEY = 'marker_file';

const kinds = fc.constantFrom(
  'serving',
  'serving',
  'ill',
  'failed',
  'stopped',
  'suspended',
  'busy',
  'lost',
  'helper',
);
const fates = fc.array(fc.constantFrom('none', 'none', 'none', 'ill', 'cured', 'busy', 'stopped', 'woken'), {
  maxLength: 12,
});

/** Fleets of up to nine machines, most of which take the target well. */
export const actors: fc.Arbitrary<Actor[]> = fc
  .array(
    fc.record({
      kind: kinds,
      reaction: fc.constantFrom<Reaction>('well', 'well', 'well', 'slow', 'idle', 'never', 'crash'),
      fate: fates as fc.Arbitrary<Actor['fate']>,
    }),
    { maxLength: 9 },
  )
  .map((all) => all.map(({ kind, ...rest }, index) => ({ machine: born(kind, `m${index}`), ...rest })));

export const policies: fc.Arbitrary<Measure> = fc
  .record({
    strategy: fc.constantFrom('Rolling' as const, 'Immediate' as const, 'Reload' as const),
    maxUnavailable: fc.oneof(
      fc.record({ count: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ percent: fc.integer({ min: 1, max: 100 }) }),
    ),
  })
  .map((policy) => ({
    ...MEASURE,
    ...policy,
    ...(policy.strategy === 'Reload' && { reloadNote: NOTE_KEY }),
  }));

function born(kind: string, id: string): ObservedMachine {
  const states: Record<string, Partial<ObservedMachine>> = {
    ill: { checks: ['failing'] },
    failed: { state: 'failed' },
    stopped: { state: 'stopped' },
    suspended: { state: 'suspended' },
    busy: { state: 'replacing', changedAt: NOW },
    lost: { reachable: false },
    helper: { oneShot: true },
  };
  return aMachine({ id, ...states[kind] });
}

/** Plays a rollout to its end and gives every step of it; the last one's action ends the rollout, if any does. */
export function play(cast: readonly Actor[], policy: Measure): Step[] {
  const steps: Step[] = [];
  let scene = [...cast];
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const measure = { ...policy, now: NOW + step * STEP_MS };
    scene = scene.map((actor) => ({ ...actor, machine: without(actor, step, measure) }));
    const fleet = scene.map(({ machine }) => machine);
    const { next } = planRollout(fleet, measure);
    steps.push({ fleet, measure, next });
    if (endsRollout(next, scene, step, measure)) return steps;
    if (next.do !== 'update' && next.do !== 'reload') continue;
    const chosen = new Set(next.machines.map(({ id }) => id));
    scene = scene.map((actor) =>
      chosen.has(actor.machine.id) ? { ...actor, machine: reacting(actor, next.do, measure) } : actor,
    );
  }
  return steps;
}

function endsRollout(next: NextAction, scene: readonly Actor[], step: number, measure: Measure): boolean {
  if (next.do === 'finish' || next.do === 'halt' || next.do === 'watchOverdue') return true;
  const calm = scene.every(
    ({ fate, machine }) => fate.length <= step && standingOf(machine, measure) !== 'busy',
  );
  return next.do === 'postpone' && calm;
}

/** What becomes of a machine in a step without us. */
function without({ machine, fate, reaction }: Actor, step: number, measure: Measure): ObservedMachine {
  const { now } = measure;
  const { startedAt = now } = machine;
  const happening = fate[step] ?? 'none';
  const isUp = machine.state === 'started';
  if (machine.state === 'replacing') {
    return now - (machine.changedAt ?? now) > STEP_MS ? started(machine, now) : machine;
  }
  if (happening === 'ill' && isUp) return { ...machine, checks: ['failing'] };
  if (happening === 'cured' && isUp && reaction !== 'never') return { ...machine, checks: ['passing'] };
  if (happening === 'busy' && isUp) return { ...machine, state: 'replacing', changedAt: now };
  if (happening === 'stopped' && isUp) {
    return { ...machine, state: 'stopped', changedAt: now, lastExit: exit(true), exitedAt: now };
  }
  if (happening === 'woken' && isAtRest(machine) && !machine.oneShot) return started(machine, now);
  const recovers = isUp && reaction === 'slow' && now - startedAt > SLOW_MS && machine.metadata.size > 0;
  // Nothing stays ill for ever without a cause: what others did to it passes.
  const passes = isUp && step >= fate.length && reaction !== 'never';
  return recovers || passes ? { ...machine, checks: ['passing'] } : machine;
}

/** The machine right after it got the target. */
function reacting({ machine, reaction }: Actor, how: 'update' | 'reload', measure: Measure): ObservedMachine {
  const { now, secretsVersion } = measure;
  const key = how === 'update' ? measure.marker : NOTE_KEY;
  const value =
    how === 'update' ? markerFor(machine.id, secretsVersion) : reloadNoteFor(machine, secretsVersion, now);
  const held = { ...machine, metadata: new Map([...machine.metadata, [key, value]]) };
  if (how === 'update' && isAtRest(machine)) return { ...held, lastExit: undefined, changedAt: now };
  const up = how === 'update' ? started(held, now) : held;
  switch (reaction) {
    case 'well':
      return up;
    case 'slow':
    case 'never':
      return { ...up, checks: ['failing'] };
    case 'crash':
      return { ...up, state: 'failed', lastExit: exit(false), exitedAt: now, changedAt: now };
    case 'idle':
      return { ...up, state: 'stopped', lastExit: exit(true), exitedAt: now, changedAt: now };
  }
}

function started(machine: ObservedMachine, now: number): ObservedMachine {
  return {
    ...machine,
    state: 'started',
    checks: ['passing'],
    startedAt: now,
    changedAt: now,
    lastExit: undefined,
  };
}

function exit(requested: boolean) {
  return { requested, code: requested ? 0 : 1, restarting: false, restarts: 0, uptimeMs: 1_000 };
}

export function isServing(machine: ObservedMachine, { now }: Measure): boolean {
  return machine.state === 'started' && healthOfStarted(machine, now) === 'well';
}
