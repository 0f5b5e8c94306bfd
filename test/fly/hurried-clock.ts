import type { Timer } from '../../src/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A clock on which every wait is over at once, and took as long as it was to take. */
export class HurriedClock extends FakeClock {
  override after(delayMs: number, callback: () => void): Timer {
    const timer = super.after(delayMs, callback);
    setImmediate(() => void this.advance(delayMs));
    return timer;
  }
}
