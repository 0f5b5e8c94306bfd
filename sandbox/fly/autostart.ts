import type { App } from './app.ts';
import type { Machine } from './machine.ts';
import { wakesOnRequest } from './machine-config.ts';

/** Starts a machine at rest for a request, whoever holds its lease; any other stays as it is. */
export function wake(machine: Machine): void {
  if (machine.state === 'stopped' || machine.state === 'suspended') machine.start();
}

/**
 * Wakes one of the app's machines that may be, and waits until it serves. False when there is none, or when
 * `signal` aborts first.
 */
export async function wakeOne(app: App, signal: AbortSignal): Promise<boolean> {
  const machine = app.machines.find(isWaiting);
  if (!machine) return false;
  wake(machine);
  return await new Promise((resolve) => {
    const look = () => {
      if (!machine.serving && !signal.aborted) return;
      machine.changes.off('change', look);
      signal.removeEventListener('abort', look);
      resolve(machine.serving);
    };
    machine.changes.on('change', look);
    signal.addEventListener('abort', look);
    look();
  });
}

/** A request that comes while another is waking the machine waits for it too. */
function isWaiting({ state, reachable, version }: Machine): boolean {
  const wakeable = state === 'stopped' || state === 'suspended' || state === 'starting';
  return reachable && wakeable && wakesOnRequest(version.config);
}
