import type { Lifetime } from '../src/binding/schedule.ts';
import type { Clock, EpochMs } from '../src/clock.ts';

/** One moment by both clocks: what the wall clock was worth then. */
export interface Instant {
  readonly wall: EpochMs;
  /** Monotonic ms. */
  readonly monotonic: number;
}

export const instantOf = (clock: Clock): Instant => ({ wall: clock.now(), monotonic: clock.monotonic() });

/** A wall clock that gained or lost more than this on the monotonic one was stepped; less is drift. */
const STEP_MS = 1_000;

/** How far the wall clock was stepped since, in ms: negative when it was set back, 0 when it was not. */
export function steppedSince({ wall, monotonic }: Instant, clock: Clock): number {
  const step = Math.round(clock.now() - wall - (clock.monotonic() - monotonic));
  return Math.abs(step) > STEP_MS ? step : 0;
}

/** A lifetime that was told by the wall clock of `since`, by the wall clock as it is now. */
export function byWallNow<T extends Lifetime>(told: T, since: Instant, clock: Clock): T {
  const stepMs = steppedSince(since, clock);
  return { ...told, issuedAt: told.issuedAt + stepMs, expiresAt: told.expiresAt + stepMs };
}
