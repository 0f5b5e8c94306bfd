import { CrashingWorld } from '../support/crashing-world.ts';
import type { Death } from '../support/mortal.ts';
import type { CrashSite } from './crash-site.ts';

/** A Fly lease is taken for half a minute; that of a dead process has to run out. */
const LEASE_MS = 31_000;

/** What became of a process that was to die, and of the one after it. */
export interface TwoLives {
  /** The death did not come, because there was nothing left to do. */
  readonly survived: boolean;
  /** What the world has felt of the first, in order. */
  readonly before: readonly string[];
  /** What it has felt of its heir. */
  readonly after: readonly string[];
}

/**
 * Lets a process work on a binding until it dies, then another until nothing is left to do.
 *
 * @param onLife told whether a process lives, whenever that changes
 */
export async function liveTwice(
  site: CrashSite,
  binding: string,
  death: Death,
  onLife: (lives: boolean) => void = () => {},
): Promise<TwoLives> {
  const live = async (end?: Death) => {
    const world = await CrashingWorld.start(site, end);
    onLife(true);
    const survived = await world.settle(`${site.namespace}/${binding}`);
    onLife(false);
    await world.stop();
    return { survived, effects: world.effects };
  };
  const { survived, effects: before } = await live(death);
  site.clock.shift(LEASE_MS);
  const { effects: after } = await live();
  return { survived, before, after };
}

/** A binding whose token is everywhere it should be; see `CrashSite.create`. */
export async function createSettled(
  site: CrashSite,
  name: string,
  places: readonly string[],
  policy?: string,
): Promise<void> {
  await site.create(name, places, policy);
  const world = await CrashingWorld.start(site);
  await world.settle(`${site.namespace}/${name}`);
  await world.stop();
}
