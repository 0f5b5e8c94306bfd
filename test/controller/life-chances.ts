import type { BindingRecord, Life } from './life.ts';
import { LIFE_MS, type Span } from './life-schedule.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** A 429 that asks for no longer wait than this speaks for every binding of the provider, in ms. */
const SHARED_FLOOR_MS = 60 * SECOND;

/**
 * When a binding could get a token: a process runs, the provider is well, the API server takes writes, and no
 * Retry-After is running that this binding (for a short 429: any of its provider) was told. A step of the wall clock
 * begins a new chance.
 */
export function chances(life: Life, binding: BindingRecord): Span[] {
  const { weather, trouble, jumps } = life.schedule;
  const refused = trouble.map(({ from, to, kind }) => ({
    from,
    to: kind === 'away' ? to + requeueWait(trouble, to) : to,
  }));
  const floors = life.bindings.flatMap((other) => floorsFrom(other, other === binding));
  const steps = jumps.map(({ at }) => ({ from: at, to: at }));
  return between([...weather, ...refused, ...life.downs, ...floors, ...steps]);
}

/** The queue doubles its waits while the API server is away, up to a minute: the last is no longer than all before. */
function requeueWait(trouble: Life['schedule']['trouble'], at: number): number {
  const absences = trouble.filter(({ kind, to }) => kind === 'away' && to <= at);
  return (
    Math.min(
      MINUTE,
      absences.reduce((sum, { from, to }) => sum + to - from, 0),
    ) + SECOND
  );
}

function floorsFrom({ arrivals }: BindingRecord, isOwn: boolean): Span[] {
  return arrivals
    .filter(
      ({ retryAfterMs, weather }) => isOwn || (weather === 'limited' && retryAfterMs <= SHARED_FLOOR_MS),
    )
    .map(({ at, endedAt = at, retryAfterMs }) => ({ from: endedAt, to: endedAt + retryAfterMs }));
}

/** What the spans leave of a life. */
function between(taken: readonly Span[]): Span[] {
  const left: Span[] = [];
  let end = 0;
  for (const { from, to } of taken.toSorted((a, b) => a.from - b.from)) {
    if (from > end) left.push({ from: end, to: Math.min(from, LIFE_MS) });
    end = Math.max(end, to);
  }
  if (end < LIFE_MS) left.push({ from: end, to: LIFE_MS });
  return left;
}

/** A time in which a new token was due, or none was held at all. */
export interface Wait extends Span {
  /** When what consumers hold meanwhile expires; undefined: they hold nothing. */
  readonly expiresAt?: number;
}

/** The first wait for a token, and for each token from when its renewal was due until the Secret had the next. */
export function waits(life: Life, binding: BindingRecord): Wait[] {
  const { stored } = binding;
  const renewals = stored.map(({ at, issue }, index) => ({
    from: Math.max(at, dueTime(life, binding, issue)),
    to: stored[index + 1]?.at ?? LIFE_MS,
    expiresAt: issue.expiresAt,
  }));
  return [{ from: 0, to: stored[0]?.at ?? LIFE_MS }, ...renewals];
}

/**
 * When the renewal of a token has to have begun: the latest moment that the spec leaves, in true time, and two
 * seconds in which times are rounded. A process that started under a clock that was set back since the token was
 * issued cannot know that, and is late by as much.
 */
function dueTime(life: Life, { plan }: BindingRecord, issue: { at: number; expiresAt: number }): number {
  const lifetime = issue.expiresAt - issue.at;
  const wanted = plan.minRemainingS === undefined ? 10 * MINUTE : plan.minRemainingS * SECOND;
  const lead = Math.min(lifetime / 2, Math.max(2 * MINUTE, wanted));
  const due = issue.at + Math.min((lifetime * plan.atLifetimePercent) / 100, lifetime - lead) + 2 * SECOND;
  const starts = life.downs.map(({ to }) => to).filter((at) => at > issue.at);
  const unknown = starts.map((at) => wallAhead(life, issue.at) - wallAhead(life, at));
  return due + Math.max(0, ...unknown);
}

/** How far the wall clock is ahead of the true time then, in ms. */
function wallAhead({ schedule }: Life, at: number): number {
  return schedule.jumps.reduce((sum, jump) => (jump.at <= at ? sum + jump.byMs : sum), 0);
}

/** Backoff as in ADR 0015: longest wait, and its largest share of the token's remaining life. */
const RETRY = { cap: 5 * MINUTE, share: 1 / 10 };
const STALL = { cap: 30 * MINUTE, share: 1 / 5 };
/** A failure that seems to lie in the future by no more than this, in ms, is waited out once more, from then on. */
const CLOCK_TOLERANCE = 30 * SECOND;
/** The longest rest of an open circuit, and a look at a half-open one. */
const LONGEST_REST = 61 * SECOND;

/**
 * The longest it may take from `at`, when all is well again, to a new token in the Secret: an attempt under way
 * may last as long as it may and fail; then comes the longest backoff, rounded up to a second; then the answer.
 * Several bindings may have to wait for their circuit, too. Once the token has expired, the backoff is as long as
 * its cap: 5 minutes, or 30 after a refusal of the credential.
 */
export function longestWait(
  life: Life,
  binding: BindingRecord,
  at: number,
  expiresAt: number | undefined,
): number {
  const { jumps, token } = life.schedule;
  const remaining = Math.max(0, (expiresAt ?? at) - at);
  const attempt =
    remaining > 0 ? Math.min(10 * SECOND, Math.max(2 * SECOND, remaining / 4 + 3 * SECOND)) : 10 * SECOND;
  // A clock set forward makes a token look expired, one set back makes it look as if it lived longer.
  const forward = jumps.reduce((sum, { byMs }) => sum + Math.max(0, byMs), 0);
  const back = jumps.reduce((sum, { byMs }) => sum + Math.max(0, -byMs), 0);
  const isRefused = binding.arrivals.findLast((arrival) => arrival.at <= at)?.weather === 'unauthorized';
  const { cap, share } = isRefused ? STALL : RETRY;
  const looksExpired = remaining - attempt - forward <= 0;
  const backoff = looksExpired ? cap : Math.min(cap, share * (remaining + back));
  const crowd = life.bindings.length;
  const turn = crowd === 1 ? 0 : LONGEST_REST + crowd * SECOND;
  return (
    attempt +
    Math.max(SECOND, backoff) +
    SECOND +
    Math.min(back, cap + CLOCK_TOLERANCE) +
    turn +
    token.latencyMs
  );
}
