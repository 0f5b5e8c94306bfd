import { sleep } from '../clock.ts';
import { MachinesApiError } from './api-call.ts';
import { classify } from './classification.ts';
import type { ObservedMachine } from './observed-machine.ts';
import type { RolloutProgress } from './rollout-progress.ts';
import type { RolloutSite, RolloutTarget } from './rollout-site.ts';
import { RolloutTurn } from './rollout-turn.ts';

/**
 * Takes a rollout one step further: updates at most one machine, or watches the one that is to become well.
 * Everything it needs to know it observes, so it may be stopped at any point and called again.
 *
 * @throws {MachinesApiError} when Fly cannot be asked; what merely stands in the way is `waiting`
 */
export async function advanceRollout(
  site: RolloutSite,
  target: RolloutTarget,
  signal?: AbortSignal,
): Promise<RolloutProgress> {
  const fleet = await listPatiently(site, signal);
  return new RolloutTurn({ ...site, target, signal }, fleet).take();
}

/** A list costs one request of a budget that refills every second: a short 429 is waited out on the spot. */
async function listPatiently(site: RolloutSite, signal?: AbortSignal): Promise<ObservedMachine[]> {
  const { app, clock, limits, machines } = site;
  try {
    return await machines.list(signal);
  } catch (error) {
    if (!(error instanceof MachinesApiError && error.hasStatus(429))) throw error;
    const now = clock.now();
    const pauseMs = (classify(error, { app, now }).notBefore ?? now) - now;
    if (pauseMs > limits.watchMs) throw error;
    await sleep(clock, pauseMs, signal);
    signal?.throwIfAborted();
    return machines.list(signal);
  }
}
