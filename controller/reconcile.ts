import type { Rest } from '../src/binding/machine.ts';
import { Planner } from '../src/binding/planner.ts';
import type { Progress } from '../src/binding/progress.ts';
import { statusOf } from '../src/binding/status.ts';
import { transitions } from '../src/binding/transitions.ts';
import { wakeTime } from '../src/binding/wake.ts';
import type { EpochMs } from '../src/clock.ts';
import { referenceTo } from '../src/kubernetes/bindings.ts';
import type { Logger } from './log.ts';
import { observe } from './observe.ts';
import { type Run, recordStatus } from './run.ts';
import { STEPS } from './steps.ts';
import type { World } from './world.ts';

/** How a run ended. */
export interface Outcome {
  readonly rest: Rest;
  /** When to look again whatever else happens, by the wall clock; undefined: only after a change. */
  readonly wakeAt: EpochMs | undefined;
  readonly progress: Progress;
}

/**
 * One run: observe, then plan and take steps until the machine rests, then write one status.
 *
 * @returns undefined when there is no such binding
 * @throws whatever says nothing about the binding itself: the API server's errors, `OutdatedError`, a lost Lease
 */
export async function reconcile(
  world: World,
  key: string,
  log: Logger,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const binding = world.bindings.get(key);
  if (!binding) {
    world.memory.forget(key);
    return undefined;
  }
  const observation = await observe(world, binding, signal);
  const planner = new Planner(observation.facts);
  const run: Run = {
    ...{ world, key, signal, binding, secret: observation.secret },
    get progress() {
      return planner.plan.progress;
    },
  };
  for (let { plan } = planner; plan.rest === undefined; plan = planner.plan) {
    const { step, progress } = plan;
    // A look at an app, which finds it in order as a rule, is made many times between two renewals.
    const level = step === 'checkingDrift' ? 'debug' : 'info';
    log[level]({ step, why: progress.why, subject: progress.subject }, 'step');
    planner.report(await STEPS[step](run));
  }
  return settle(run, planner.plan.rest ?? 'current', log);
}

/** The one place where a run becomes a status, events and a wake-up time. */
async function settle(run: Run, rest: Rest, log: Logger): Promise<Outcome> {
  const { progress, world } = run;
  log.debug({ rest, why: progress.why, subject: progress.subject }, 'rest');
  if (rest === 'removed') return { rest, wakeAt: undefined, progress };
  const status = statusOf(progress);
  const told = transitions(progress, status);
  await recordStatus(run, status);
  for (const transition of told) world.events.record(referenceTo(run.binding), transition);
  const wakeAt = wakeTime(progress, status);
  return { rest, wakeAt: wakeAt && wakeAt - progress.facts.setBackMs, progress };
}
