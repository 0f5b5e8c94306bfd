import { type Clock, systemClock, type Timer } from '../../src/clock.ts';

const HURRY = 20;

/** Real time that a test can set forward, so that leases run out; waits last a twentieth of what was asked for. */
export class ShiftedClock implements Clock {
  #shiftMs = 0;

  now(): number {
    return systemClock.now() + this.#shiftMs;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#shiftMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    return systemClock.after(delayMs / HURRY, callback);
  }

  shift(ms: number): void {
    this.#shiftMs += ms;
  }
}
