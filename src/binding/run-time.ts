import type { StepResult } from './step-result.ts';

/**
 * A result with its times in the time of the run (`Facts.now`): steps tell them by the wall clock, which may have
 * been set back. A token that was issued keeps its own: from it on the wall clock counts as right.
 */
export function inRunTime(result: StepResult, setBackMs: number): StepResult {
  if (setBackMs === 0 || result.type === 'issued') return result;
  return {
    ...result,
    ...('at' in result && { at: result.at + setBackMs }),
    ...('failure' in result && { failure: moved(result.failure, 'notBefore', setBackMs) }),
    ...('until' in result && { until: result.until + setBackMs }),
    ...('deferral' in result && { deferral: moved(result.deferral, 'until', setBackMs) }),
    ...('progress' in result && { progress: moved(result.progress, 'retryAt', setBackMs) }),
  } as StepResult;
}

function moved<K extends string, T extends { readonly [key in K]?: number | undefined }>(
  content: T,
  key: K,
  byMs: number,
): T {
  const at = content[key];
  return at === undefined ? content : { ...content, [key]: at + byMs };
}
