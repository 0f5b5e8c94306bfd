import { refusal } from './api-error.ts';
import type { Machine } from './machine.ts';
import { isTransient } from './machine-state.ts';
import type { MachineCall, Reply } from './route.ts';

const WAITABLE = ['started', 'stopped', 'suspended', 'destroyed', 'failed', 'settled'];

interface Wish {
  readonly states: readonly string[];
  /** Version that must be the current one; undefined for any. */
  readonly version: string | undefined;
  readonly timeoutSeconds: number;
}

/**
 * GET …/wait: answers when the machine, at the version asked for, is in one of the states.
 *
 * @throws ApiError 400 for a timeout outside 1–60 s, an unknown state, or `stopped` without a version;
 *   408 when the timeout passes first
 */
export async function waitForState({ machine, query, signal }: MachineCall): Promise<Reply> {
  const wish = parseWish(query);
  const timeout = AbortSignal.timeout(wish.timeoutSeconds * 1_000);
  await untilGranted(machine, wish, AbortSignal.any([signal, timeout]));
  if (!granted(machine, wish)) {
    const wanted = wish.states.join(',');
    throw refusal(
      408,
      `deadline_exceeded: machine failed to reach desired state, ${wanted}, currently ${machine.face.state}`,
    );
  }
  const event_id = machine.history.events[0]?.id ?? '';
  return {
    status: 200,
    body: { ok: true, state: machine.face.state, version: machine.face.version.instanceId, event_id },
  };
}

function parseWish(query: URLSearchParams): Wish {
  const states = query.getAll('state').flatMap((value) => value.split(','));
  const version = query.get('version') ?? query.get('instance_id') ?? undefined;
  const timeoutSeconds = Number(query.get('timeout') ?? 60);
  if (!Number.isInteger(timeoutSeconds) || timeoutSeconds < 1 || timeoutSeconds > 60) {
    throw refusal(
      400,
      'invalid_argument: invalid WaitMachineRequest.Timeout: value must be inside range [1s, 1m0s]',
    );
  }
  const unknown = states.some((state) => !WAITABLE.includes(state));
  if (unknown) throw refusal(400, 'invalid_argument: invalid WaitMachineRequest.State');
  if (states.includes('stopped') && version === undefined) {
    throw refusal(400, 'invalid_argument: instance_id is required to wait for stopped');
  }
  return { states: states.length > 0 ? states : ['started'], version, timeoutSeconds };
}

function granted(machine: Machine, { states, version }: Wish): boolean {
  const { state, version: seen } = machine.face;
  if (version !== undefined && version !== seen.instanceId) return false;
  return states.includes(state) || (!isTransient(state) && states.includes('settled'));
}

function untilGranted(machine: Machine, wish: Wish, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!granted(machine, wish) && !signal.aborted) return;
      machine.changes.off('change', look);
      signal.removeEventListener('abort', look);
      resolve();
    };
    machine.changes.on('change', look);
    signal.addEventListener('abort', look);
    look();
  });
}
