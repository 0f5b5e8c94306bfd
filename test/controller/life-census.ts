import { type Life, live } from './life.ts';
import { margins, RULES } from './life-rules.ts';
import { drawSchedule } from './life-schedule.ts';

/** Names of the rules, and one for what no run may do. */
export type Rule = keyof typeof RULES | 'faultless';

/** What was seen in many lives. */
export interface Census {
  readonly lives: number;
  /** Tokens that providers issued. */
  readonly tokens: number;
  /** Requests that reached a provider. */
  readonly attempts: number;
  /** Times at which consumers held an expired token, because none could be had. */
  readonly expiries: number;
  /** The shortest life left of a token when it was replaced, in ms, of all that could be replaced in time. */
  readonly worstMarginMs: number;
  readonly breaches: readonly Breach[];
}

export interface Breach {
  readonly rule: Rule;
  /** `live(drawSchedule(seed))` lives it again. */
  readonly seed: number;
  readonly text: string;
}

const NOBODY: Census = {
  ...{ lives: 0, tokens: 0, attempts: 0, expiries: 0 },
  ...{ worstMarginMs: Number.POSITIVE_INFINITY, breaches: [] },
};

/** Lives under way at once: one turn of the event loop then moves them all. */
const LANES = 16;

/** Lives the lives of the seeds `first`, `first + step`, … below `end`. */
export async function takeCensus(seeds: { first: number; end: number; step: number }): Promise<Census> {
  let seed = seeds.first;
  let seen = NOBODY;
  const lane = async () => {
    while (seed < seeds.end) {
      const schedule = drawSchedule(seed);
      seed += seeds.step;
      const life = await live(schedule);
      seen = merged(seen, countOf(life));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return seen;
}

export function merged(one: Census, other: Census): Census {
  return {
    lives: one.lives + other.lives,
    tokens: one.tokens + other.tokens,
    attempts: one.attempts + other.attempts,
    expiries: one.expiries + other.expiries,
    worstMarginMs: Math.min(one.worstMarginMs, other.worstMarginMs),
    breaches: other.breaches.length === 0 ? one.breaches : [...one.breaches, ...other.breaches],
  };
}

function countOf(life: Life): Census {
  const { bindings, schedule } = life;
  const arrivals = bindings.flatMap((binding) => binding.arrivals);
  return {
    lives: 1,
    tokens: arrivals.filter(({ issue }) => issue !== undefined).length,
    attempts: arrivals.length,
    expiries: bindings.reduce((sum, { stored }) => sum + expiriesIn(stored), 0),
    worstMarginMs: Math.min(...bindings.flatMap((binding) => margins(life, binding))),
    breaches: breachesOf(life).map((breach) => ({ ...breach, seed: schedule.seed })),
  };
}

function expiriesIn(stored: Life['bindings'][number]['stored']): number {
  return stored.slice(1).filter(({ at }, index) => at > (stored[index]?.issue.expiresAt ?? at)).length;
}

function breachesOf(life: Life): Omit<Breach, 'seed'>[] {
  const broken = Object.entries(RULES).flatMap(([rule, judge]) =>
    life.bindings.flatMap((binding) => judge(life, binding)).map((text) => ({ rule: rule as Rule, text })),
  );
  const faults = life.faults.map((error) => ({
    rule: 'faultless' as const,
    text: `a run threw: ${String(error)}`,
  }));
  return [...broken, ...faults];
}
