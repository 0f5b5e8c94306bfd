import type { Arrival } from '../support/simulated-provider.ts';
import { attemptBudget } from './attempt-budget.ts';
import type { BindingRecord, Life } from './life.ts';
import { chances, longestWait, waits } from './life-chances.ts';
import { LIFE_MS } from './life-schedule.ts';

const SECOND = 1000;

type Judge = (life: Life, binding: BindingRecord) => string[];

/** What holds in every life. Each tells what broke it, with times in ms from the start of the life. */
export const RULES = {
  /** When all is well for as long as `longestWait` says, and a token is due, there is a new one. */
  renewed: missedChances,
  /** Half of a token's life passes before the next is issued, unless something explains it. */
  issuedOnce: duplicates,
  /** One request of a binding at a time, and a second at least between two. */
  unhurried: haste,
  /** No more requests than `attemptBudget` allows. */
  withinBudget: excess,
  /** Nobody asks before the Retry-After that it was told. */
  patient: ignoredFloors,
} satisfies Record<string, Judge>;

function missedChances(life: Life, binding: BindingRecord): string[] {
  const open = chances(life, binding);
  return waits(life, binding).flatMap(({ from, to, expiresAt }) =>
    open.flatMap((chance) => {
      const [start, end] = [Math.max(chance.from, from), Math.min(chance.to, to)];
      const enough = longestWait(life, binding, start, expiresAt);
      if (end - start <= enough) return [];
      return [`no new token from ${start} to ${end}, though ${enough} are enough; expiry ${expiresAt}`];
    }),
  );
}

/**
 * How long the consumers' token still lived when it was replaced, in ms, for each that could be replaced in time:
 * a chance came late enough to be due, and early enough to be used up before the expiry.
 */
export function margins(life: Life, binding: BindingRecord): number[] {
  const open = chances(life, binding);
  return waits(life, binding).flatMap(({ from, to, expiresAt }) => {
    if (expiresAt === undefined || expiresAt > LIFE_MS) return [];
    const couldBeHad = open.some((chance) => {
      const start = Math.max(chance.from, from);
      return start + longestWait(life, binding, start, expiresAt) <= Math.min(chance.to, expiresAt);
    });
    return couldBeHad ? [expiresAt - to] : [];
  });
}

function duplicates(life: Life, binding: BindingRecord): string[] {
  const { jumps } = life.schedule;
  const issues = binding.arrivals.filter((arrival) => arrival.issue !== undefined);
  const early = pairs(issues).filter(
    ([before, next]) =>
      next.at - before.at < leastAge(binding, before) && !isLost(life, binding, before, next),
  );
  const isUnderStep = ([before, next]: Pair) => jumps.some(({ at }) => at >= before.at && at <= next.at);
  const [explained, others] = [early.filter(isUnderStep), early.filter((pair) => !isUnderStep(pair))];
  const texts = others.map(([before, next]) => `issued at ${before.at} and again at ${next.at}`);
  if (explained.length <= jumps.length) return texts;
  return [...texts, `issued early ${explained.length} times, for ${jumps.length} steps of the clock`];
}

/**
 * The renewal never begins before half of the life, or the percentage asked for. An `exp` is known only to the
 * second of `Date` and half of the round trip, and counted as the earlier.
 */
function leastAge({ plan }: BindingRecord, { issue, at, endedAt = at }: Arrival): number {
  const lifetime = issue ? issue.expiresAt - issue.at : 0;
  return lifetime * Math.min(0.5, plan.atLifetimePercent / 100) - (endedAt - at) / 2 - 3 * SECOND;
}

/** The token never arrived, died with its process, or is not what the spec asks for any more. */
function isLost(life: Life, { stored }: BindingRecord, before: Arrival, next: Arrival): boolean {
  const isBetween = (at: number) => at >= before.at && at <= next.at;
  const isStored = stored.some(({ issue }) => issue.at === before.issue?.at);
  const hasDied = life.downs.some(({ from }) => isBetween(from));
  return !before.isAnswered || (hasDied && !isStored) || life.schedule.edits.some(({ at }) => isBetween(at));
}

function haste(life: Life, { arrivals }: BindingRecord): string[] {
  return pairs(arrivals)
    .filter(([before, next]) => !isNewStart(life, before, next))
    .filter(([before, next]) => next.at - (before.endedAt ?? LIFE_MS) < SECOND)
    .map(([before, next]) => `asked from ${before.at} to ${before.endedAt}, and again at ${next.at}`);
}

function excess(life: Life, binding: BindingRecord): string[] {
  const budget = attemptBudget(life, binding);
  const { length } = binding.arrivals;
  return length <= budget ? [] : [`asked ${length} times, with a budget of ${budget}`];
}

function ignoredFloors(life: Life, { arrivals }: BindingRecord): string[] {
  return arrivals.flatMap((told, index) => {
    const floor = (told.endedAt ?? told.at) + told.retryAfterMs;
    const next = arrivals.slice(index + 1).find(({ at }) => at < floor);
    if (!next || isNewStart(life, told, next)) return [];
    return [`asked at ${next.at}, told at ${told.at} to wait until ${floor}`];
  });
}

/**
 * What was known of the failure is lost or void: it could not be recorded, or the clock or the spec changed, or a
 * new process cannot know how far the clock was set back that it was recorded by.
 */
function isNewStart({ downs, schedule }: Life, before: Arrival, next: Arrival): boolean {
  const { jumps, edits, trouble } = schedule;
  const end = before.endedAt ?? before.at;
  const isUnrecorded =
    downs.some(({ from }) => from >= before.at && from <= end) ||
    trouble.some(({ kind, from, to }) => kind === 'away' && from <= end && end < to);
  const isBetween = (at: number) => at >= before.at && at <= next.at;
  const isUnplaced =
    jumps.some(({ at, byMs }) => byMs < 0 && at < before.at) && downs.some(({ from }) => isBetween(from));
  return isUnrecorded || isUnplaced || [...jumps, ...edits].some(({ at }) => isBetween(at));
}

type Pair = readonly [Arrival, Arrival];

const pairs = (arrivals: readonly Arrival[]): Pair[] =>
  arrivals.slice(1).map((next, index) => [arrivals[index] ?? next, next]);
