/** Milliseconds since the Unix epoch, as `Date.now()` gives them. */
export type EpochMs = number;

/** A scheduled call; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/** Time as an argument: everything that waits or stamps takes one, so tests move it by hand. */
export interface Clock {
  /** Wall-clock time; may jump in either direction. For deadlines seen by others (token expiry, status). */
  now(): EpochMs;
  /** Milliseconds from an arbitrary origin that never jump; for measuring and for leases. */
  monotonic(): number;
  /** Runs `callback` once after `delayMs`; the wait is capped at one hour by callers that re-check. */
  after(delayMs: number, callback: () => void): Timer;
}

/** Longest delay `setTimeout` takes before it overflows and fires at once (Node: 2^31 - 1 ms). */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The real clock. Timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, callback) => {
    const handle = setTimeout(callback, Math.min(Math.max(delayMs, 0), MAX_TIMEOUT_MS));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delayMs`, or at once when `signal` aborts (never rejects: callers look at the signal). */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const onAbort = () => {
      timer.cancel();
      resolve();
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
