import type { EpochMs } from '../clock.ts';
import type { ObservedMachine } from './observed-machine.ts';

/** A process that has no checks counts as well when it has been up for so long, as in Fly's own deploys. */
export const SMOKE_MS = 10_000;

/** `crashed`: will not get well by waiting. */
export type Health = 'well' | 'unwell' | 'crashed';

/**
 * The health of a started machine. Whether there are checks, the config says: the list of results is empty on a
 * fresh machine, and an empty list says nothing.
 */
export function healthOfStarted(machine: ObservedMachine, now: EpochMs): Health {
  const { lastExit, checks } = machine;
  if (lastExit && !lastExit.requested && lastExit.restarting && lastExit.restarts > 1) return 'crashed';
  if (machine.checksConfigured > 0) {
    return checks.length > 0 && checks.every((status) => status === 'passing') ? 'well' : 'unwell';
  }
  const upSince = machine.startedAt ?? machine.changedAt;
  return upSince !== undefined && now - upSince >= SMOKE_MS ? 'well' : 'unwell';
}

/** Whether the machine is up and well. */
export function isServing(machine: ObservedMachine, now: EpochMs): boolean {
  return machine.state === 'started' && healthOfStarted(machine, now) === 'well';
}

/**
 * Whether a machine that is down got there by crashing: an exit that nobody asked for, with an error or right
 * after its start. Stopping when idle, by the proxy or by a process that ends itself in peace, is none.
 */
export function crashedDown(machine: ObservedMachine): boolean {
  const { state, startedAt = 0, exitedAt = startedAt } = machine;
  return state !== 'suspended' && startedAt <= exitedAt && hasCrashed(machine);
}

/** Whether the newest exit was a crash, whatever came after it. */
export function hasCrashed({ lastExit }: ObservedMachine): boolean {
  if (!lastExit || lastExit.requested) return false;
  return lastExit.code !== 0 || (lastExit.uptimeMs !== undefined && lastExit.uptimeMs < SMOKE_MS);
}

/**
 * How long a process that got another token while it runs must stay well until that says something, in ms: each of
 * its checks has run once more by then.
 */
export function proofMs({ checkIntervalMs }: ObservedMachine): number {
  return SMOKE_MS + checkIntervalMs;
}
