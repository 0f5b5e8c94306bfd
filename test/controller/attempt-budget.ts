import type { BindingRecord, Life } from './life.ts';
import { LIFE_MS } from './life-schedule.ts';

const SECOND = 1000;

/** Until waits of 2 s, doubled each time, are as long as they get. */
const DOUBLINGS = 8;
/** Half of the longest backoff, 5 minutes: full jitter waits half of its ceiling on average. */
const MEAN_WAIT_MS = 150 * SECOND;

/**
 * The most requests that a binding may make in its life: one for each token it got, and for each row of failures
 * twice as many as its backoff makes on average, and ten.
 *
 * While a token lives the mean wait is a twentieth of what is left of its life, at least a second: from r₀ to r₁
 * seconds left that makes 20 · ln(r₀ / r₁) attempts down to the last 20 s, then one a second. Once it has
 * expired the mean wait is 150 s. A new process, a new spec and a step of the clock begin anew.
 */
export function attemptBudget(life: Life, binding: BindingRecord): number {
  const { jumps, edits, restarts } = life.schedule;
  const answered = binding.arrivals.filter(({ isAnswered }) => isAnswered).length;
  const starts = jumps.length + edits.length + restarts.length;
  const rows = failureRows(binding).map(({ from, to }) => expected(binding, from, to));
  const inRows = rows.reduce((sum, attempts) => sum + 2 * attempts + 10, 0);
  return answered + inRows + starts * 2 * DOUBLINGS;
}

function expected({ stored }: BindingRecord, from: number, to: number): number {
  const held = stored.findLast(({ at }) => at <= from)?.issue;
  const left = (at: number) => Math.max(0, (held?.expiresAt ?? 0) - at) / SECOND;
  const logarithmic = 20 * Math.log(Math.max(20, left(from)) / Math.max(20, left(to)));
  const last = Math.min(20, left(from)) - Math.min(20, left(to));
  const expiredMs = Math.max(0, to - Math.max(from, held?.expiresAt ?? 0));
  return DOUBLINGS + logarithmic + last + expiredMs / MEAN_WAIT_MS;
}

/** From the first failure of a row to the success that ends it. */
function failureRows({ arrivals }: BindingRecord): { from: number; to: number }[] {
  const rows: { from: number; to: number }[] = [];
  let from: number | undefined;
  for (const { at, isAnswered } of arrivals) {
    if (!isAnswered) from ??= at;
    else if (from !== undefined) {
      rows.push({ from, to: at });
      from = undefined;
    }
  }
  return from === undefined ? rows : [...rows, { from, to: LIFE_MS }];
}
