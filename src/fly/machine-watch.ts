import { type Clock, sleep } from '../clock.ts';
import type { MachineLease } from './machine-lease.ts';
import { type Measure, standingOf } from './machine-standing.ts';
import type { Machines } from './machines.ts';
import type { ObservedMachine } from './observed-machine.ts';

/** Longest single wait asked of Fly, which takes 1 to 60. A call's deadline must be longer. */
const WAIT_SECONDS = 5;
/** Between two looks: Fly answers 5 reads and 1 wait a second per machine. */
const LOOK_INTERVAL_MS = 1_000;

/** What a watch needs to know. */
export interface Watch {
  readonly machines: Machines;
  readonly clock: Clock;
  readonly measure: () => Measure;
  /** Time on the monotonic clock at which to stop watching. */
  readonly until: number;
  /** To be kept meanwhile. */
  readonly lease: MachineLease | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Watches one machine until it holds the target and needs no more watching, for good or ill, or time is up.
 * Gives it as last seen, undefined when it is gone. A machine that lacks the target is watched to the end as
 * well: right after an update the service may still show the version before.
 */
export async function watchMachine(
  watch: Watch,
  seen: ObservedMachine,
): Promise<ObservedMachine | undefined> {
  const { machines, clock, signal, lease } = watch;
  let machine = seen;
  while (clock.monotonic() < watch.until) {
    await lease?.keep();
    if (machine === seen || machine.state !== 'started') {
      const seconds = Math.ceil((watch.until - clock.monotonic()) / 1_000);
      await machines.settled(
        machine.id,
        seen.instanceId,
        Math.max(1, Math.min(WAIT_SECONDS, seconds)),
        signal,
      );
    }
    const fresh = await machines.get(machine.id, signal);
    if (!fresh) return undefined;
    machine = fresh.observed;
    if (!needsWatching(machine, watch.measure())) return machine;
    await sleep(clock, LOOK_INTERVAL_MS, signal);
    signal?.throwIfAborted();
  }
  return machine;
}

function needsWatching(machine: ObservedMachine, measure: Measure): boolean {
  const standing = standingOf(machine, measure);
  return !(standing === 'current' || standing === 'broken' || standing === 'skipped');
}
