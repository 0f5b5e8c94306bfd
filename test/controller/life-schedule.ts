import { RandomNumbers } from '../support/random-numbers.ts';
import type { ClusterTrouble } from '../support/simulated-cluster.ts';
import type { Fate } from '../support/simulated-process.ts';
import type { TokenForm, Weather } from '../support/simulated-provider.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How long each life is, in ms. */
export const LIFE_MS = 2 * HOUR;

/** A part of a life, in ms from its start; its end does not belong to it. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What happens in a life: two hours of one binding or a few, with one provider and one cluster. Times in ms from its start. */
export interface LifeSchedule {
  /** Draws the same schedule again, and the same luck in it. */
  readonly seed: number;
  readonly token: TokenForm;
  readonly bindings: readonly RefreshPlan[];
  /** Of the provider, in order; fine in between. */
  readonly weather: readonly (Span & { readonly weather: Weather })[];
  /** Of the cluster, in order. */
  readonly trouble: readonly (Span & { readonly kind: ClusterTrouble })[];
  /** Steps of the wall clock. */
  readonly jumps: readonly { readonly at: number; readonly byMs: number }[];
  /** `fate` undefined: at that moment, whatever is under way. */
  readonly restarts: readonly {
    readonly at: number;
    readonly downMs: number;
    readonly fate?: Fate | undefined;
  }[];
  /** Changes of a spec that ask for another token. */
  readonly edits: readonly { readonly at: number; readonly binding: number }[];
}

/** `spec.refresh` of one binding. */
export interface RefreshPlan {
  readonly atLifetimePercent: number;
  readonly jitterPercent: number;
  /** In seconds; the default when undefined. */
  readonly minRemainingS?: number | undefined;
}

export function drawSchedule(seed: number): LifeSchedule {
  const draw = new RandomNumbers(seed);
  const token = drawToken(draw);
  const isCrowd = token.lifetimeS >= 300 && draw.chance(0.1);
  const isCalm = draw.chance(0.2);
  return {
    ...{ seed, token },
    bindings: draw.several(isCrowd ? 2 : 1, isCrowd ? 3 : 1, () => drawPlan(draw)),
    weather: isCalm ? [] : spans(draw, 1, 4).map((span) => ({ ...span, weather: drawWeather(draw) })),
    trouble: draw.chance(0.2)
      ? spans(draw, 1, 2).map((span) => ({ ...span, kind: draw.pick<ClusterTrouble>(['refuses', 'away']) }))
      : [],
    jumps: draw.chance(0.35) ? drawJumps(draw) : [],
    restarts: draw.chance(0.4) ? drawRestarts(draw) : [],
    edits: draw.chance(0.1)
      ? draw.several(1, 2, () => ({ at: draw.whole(0, LIFE_MS), binding: 0 })).sort(byTime)
      : [],
  };
}

function drawToken(draw: RandomNumbers): TokenForm {
  const isOpaque = draw.chance(0.4);
  return {
    lifetimeS: drawLifetime(draw),
    kind: isOpaque ? 'opaque' : 'jwt',
    statesLifetime: isOpaque || draw.chance(0.7),
    skewMs: draw.chance(0.5) ? 0 : sign(draw) * draw.magnitude(SECOND, 20 * MINUTE),
    latencyMs: draw.magnitude(20, 1500),
  };
}

/** In seconds. The shorter a token lives, the more renewals fit, and the less often it is drawn. */
function drawLifetime(draw: RandomNumbers): number {
  if (draw.chance(0.01)) return draw.magnitude(30, 900);
  return draw.chance(0.1) ? draw.whole(900, 1800) : draw.whole(1800, 7200);
}

function drawPlan(draw: RandomNumbers): RefreshPlan {
  return {
    atLifetimePercent: draw.chance(0.7) ? 67 : draw.chance(0.8) ? draw.whole(40, 80) : draw.whole(10, 80),
    jitterPercent: draw.chance(0.6) ? 10 : draw.whole(0, 30),
    minRemainingS: draw.chance(0.7) ? undefined : draw.magnitude(30, 1800),
  };
}

function drawWeather(draw: RandomNumbers): Weather {
  const kind = draw.pick<Weather['kind']>([
    ...(['unavailable', 'broken', 'hanging', 'lost', 'slow', 'maintenance', 'limited'] as const),
    ...(['unavailable', 'limited', 'unauthorized'] as const),
  ]);
  if (kind === 'slow') return { kind, delayMs: draw.magnitude(500, 12 * SECOND) };
  if (kind !== 'unavailable' && kind !== 'limited') return { kind };
  return {
    kind,
    retryAfterS: draw.chance(0.4) ? undefined : draw.magnitude(1, draw.chance(0.9) ? 300 : 5400),
  };
}

/** A step, and often the step that takes it back. */
function drawJumps(draw: RandomNumbers): LifeSchedule['jumps'] {
  const at = draw.whole(0, LIFE_MS);
  const byMs = sign(draw) * draw.magnitude(2 * SECOND, 3 * HOUR);
  if (draw.chance(0.5)) return [{ at, byMs }];
  return [
    { at, byMs },
    { at: draw.whole(at, LIFE_MS), byMs: draw.chance(0.7) ? -byMs : byMs },
  ];
}

function drawRestarts(draw: RandomNumbers): LifeSchedule['restarts'] {
  const restart = () => ({
    at: draw.whole(0, LIFE_MS),
    downMs: draw.magnitude(10, 60 * SECOND),
    fate: draw.pick<Fate | undefined>([undefined, 'before write', 'after write']),
  });
  return draw.several(1, 3, restart).sort(byTime);
}

/** Spans that do not touch, in order. */
function spans(draw: RandomNumbers, least: number, most: number): Span[] {
  const drawn = draw.several(least, most, () => {
    const from = draw.chance(0.1) ? 0 : draw.whole(0, LIFE_MS);
    return { from, to: from + draw.magnitude(2 * SECOND, draw.chance(0.85) ? 15 * MINUTE : LIFE_MS) };
  });
  const ordered = drawn.sort((a, b) => a.from - b.from);
  return ordered.filter(({ from }, index) => ordered.slice(0, index).every(({ to }) => to < from));
}

const sign = (draw: RandomNumbers) => (draw.chance(0.5) ? 1 : -1);
const byTime = (a: { at: number }, b: { at: number }) => a.at - b.at;
