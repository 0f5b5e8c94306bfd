import { type Clock, sleep } from '../clock.ts';

/**
 * Requests a second that Fly answers per action and machine or app, and how many at once after a pause. Kept a tenth
 * slower: requests do not arrive as evenly as they are sent.
 */
const USUAL = { intervalMs: 1_100, burst: 3 };
const READING_A_MACHINE = { intervalMs: 220, burst: 10 };
/** A bucket that answered 429 without naming a time is full again by then. */
const PAUSE_MS = 2_000;
/** Above this many buckets, those that are full are forgotten. */
const MANY_BUCKETS = 1_000;

/** One of Fly's rate limits: an action on one identifier. */
export interface Bucket {
  readonly key: string;
  readonly isMachineRead: boolean;
}

/** A request was not sent: its turn would have come too late for the caller. */
export class HeldBackError extends Error {
  override readonly name = 'HeldBackError';
  /** How long until its turn would have come, in ms from now. */
  readonly waitMs: number;

  constructor(waitMs: number) {
    super(`the request's turn comes in ${Math.ceil(waitMs)} ms`);
    this.waitMs = waitMs;
  }
}

/** Spaces the requests to Fly. One per process: whoever works on an app shares its limits with all others. */
export interface FlyPacer {
  /**
   * Resolves when it is the request's turn.
   *
   * @throws {HeldBackError} at once, when that is more than `patienceMs` away
   * @throws the signal's reason
   */
  turn(bucket: Bucket, patienceMs: number, signal?: AbortSignal): Promise<void>;
  /** No more of these for `pauseMs`; for as long as a limit takes to pass when undefined. */
  pause(bucket: Bucket, pauseMs: number | undefined): void;
}

/** A pacer that knows of no request yet. */
export function createFlyPacer(clock: Clock): FlyPacer {
  /** By bucket: when it is full again, on the monotonic clock. */
  const fullAt = new Map<string, number>();
  const forgetFull = () => {
    if (fullAt.size < MANY_BUCKETS) return;
    for (const [key, at] of fullAt) if (at <= clock.monotonic()) fullAt.delete(key);
  };
  return {
    turn: async (bucket, patienceMs, signal) => {
      forgetFull();
      const { intervalMs, burst } = bucket.isMachineRead ? READING_A_MACHINE : USUAL;
      const now = clock.monotonic();
      const full = Math.max(now, fullAt.get(bucket.key) ?? now);
      const waitMs = Math.max(0, full - now - (burst - 1) * intervalMs);
      if (waitMs > patienceMs) throw new HeldBackError(waitMs);
      fullAt.set(bucket.key, full + intervalMs);
      if (waitMs > 0) await sleep(clock, waitMs, signal);
      signal?.throwIfAborted();
    },
    pause: (bucket, pauseMs = PAUSE_MS) => {
      const { intervalMs, burst } = bucket.isMachineRead ? READING_A_MACHINE : USUAL;
      const until = clock.monotonic() + pauseMs + (burst - 1) * intervalMs;
      fullAt.set(bucket.key, Math.max(until, fullAt.get(bucket.key) ?? 0));
    },
  };
}
