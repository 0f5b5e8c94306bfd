import type { Facts } from '../../src/binding/facts.ts';
import type { Rest, Step } from '../../src/binding/machine.ts';
import { Planner } from '../../src/binding/planner.ts';
import type { Progress } from '../../src/binding/progress.ts';
import type { StepResult } from '../../src/binding/step-result.ts';

/** The course of a planned run: its steps, how it rests, and what is known then. */
export interface Course {
  readonly steps: Step[];
  readonly rest: Rest;
  readonly progress: Progress;
}

/** Plans a whole run, answering every step with what `results` has for it. */
export function plan(
  facts: Facts,
  results: Partial<Record<Step, StepResult | ((progress: Progress) => StepResult)>> = {},
): Course {
  const planner = new Planner(facts);
  const steps: Step[] = [];
  while (planner.plan.step) {
    const { step, progress } = planner.plan;
    steps.push(step);
    if (steps.length > 50) throw new Error(`no end in sight: ${steps.join(', ')}`);
    const result = results[step];
    if (!result) throw new Error(`unexpected step ${step} after ${steps.join(', ')} (${progress.why})`);
    planner.report(typeof result === 'function' ? result(progress) : result);
  }
  return { steps, rest: planner.plan.rest ?? 'current', progress: planner.plan.progress };
}
