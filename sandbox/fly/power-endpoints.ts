import { durationMs } from './duration.ts';
import { type StopPolicy, stopPolicy } from './machine-config.ts';
import { type MachineCall, machineRoute, type Reply, type Route } from './route.ts';

/** Start, stop, restart and suspend: none makes a new version. */
export const powerRoutes: readonly Route[] = [
  machineRoute('POST /start', 'startMachine', startMachine),
  machineRoute('POST /stop', 'stopMachine', (call) =>
    change(call, () => {
      const { signal, timeout } = call.body;
      call.machine.stop(stopping(call, signal, timeout));
    }),
  ),
  machineRoute('POST /restart', 'restartMachine', (call) =>
    change(call, () => {
      const { query } = call;
      call.machine.restart(stopping(call, query.get('signal') ?? undefined, query.get('timeout')));
    }),
  ),
  machineRoute('POST /suspend', 'suspendMachine', (call) => change(call, () => call.machine.suspend())),
];

function startMachine({ machine, nonce, nowMs }: MachineCall): Reply {
  machine.lease.guard(nonce, nowMs);
  const previous_state = machine.state;
  machine.start();
  return { status: 200, body: { previous_state, migrated: false, new_host: '' } };
}

function change({ machine, nonce, nowMs }: MachineCall, effect: () => void): Reply {
  machine.lease.guard(nonce, nowMs);
  effect();
  return { status: 200, body: { ok: true } };
}

/** The machine's own policy, but for what the request asks. */
function stopping({ machine }: MachineCall, signal: unknown, timeout: unknown): StopPolicy {
  const configured = stopPolicy(machine.version.config);
  const asked = signal === undefined ? configured : stopPolicy({ stop_config: { signal } });
  return { signal: asked.signal, timeoutMs: durationMs(timeout, configured.timeoutMs) };
}
