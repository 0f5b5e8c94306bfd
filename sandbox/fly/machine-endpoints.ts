import { refusal } from './api-error.ts';
import { durationMs } from './duration.ts';
import type { Machine } from './machine.ts';
import { isRecord, metadata, stopPolicy } from './machine-config.ts';
import { machineView, summaryView } from './machine-view.ts';
import { type AppCall, appRoute, type MachineCall, machineRoute, type Reply, type Route } from './route.ts';
import { waitForState } from './wait.ts';

/** Machines: list, get, update, start, stop, wait. */
export const machineRoutes: readonly Route[] = [
  appRoute('GET /machines', 'listMachines', listMachines),
  machineRoute('GET', 'getMachine', view, { perSecond: 5, burst: 10 }),
  machineRoute('POST', 'updateMachine', updateMachine),
  machineRoute('POST /start', 'startMachine', startMachine),
  machineRoute('POST /stop', 'stopMachine', stopMachine),
  machineRoute('GET /wait', 'waitMachine', waitForState),
];

function view({ machine, nowMs }: MachineCall): Reply {
  return { status: 200, body: machineView(machine, nowMs) };
}

function listMachines({ app, query, nowMs }: AppCall): Reply {
  const summary = query.get('summary') === 'true';
  const machines = [...app.machines.values()].filter((machine) => matches(machine, query));
  return { status: 200, body: machines.map((m) => (summary ? summaryView(m) : machineView(m, nowMs))) };
}

/** Filters `state` (comma-separated), `region` and `metadata.<key>`. */
function matches(machine: Machine, query: URLSearchParams): boolean {
  return [...query].every(([name, wanted]) => {
    if (name === 'state') return wanted.split(',').includes(machine.state);
    if (name === 'region') return wanted === machine.host.region;
    if (!name.startsWith('metadata.')) return true;
    return metadata(machine.version.config)[name.slice('metadata.'.length)] === wanted;
  });
}

function updateMachine(call: MachineCall): Reply {
  const { app, machine, body, nonce, nowMs } = call;
  if (!isRecord(body.config)) throw refusal(400, 'invalid_argument: config is required');
  machine.lease.guard(nonce, nowMs);
  requireFloor(call);
  if (body.current_version !== undefined && body.current_version !== machine.version.instanceId) {
    throw refusal(412, 'failed_precondition: machine version does not match current_version');
  }
  const from = { config: body.config, skipSecrets: body.skip_secrets === true, broken: call.breaksVersions };
  machine.update(app.newVersion(from), body.skip_launch === true);
  return view(call);
}

/** `min_secrets_version` is a floor: a version that the vault has not reached is refused. */
function requireFloor({ app, body }: MachineCall): void {
  const floor = body.min_secrets_version ?? 0;
  if (typeof floor !== 'number' || !Number.isInteger(floor) || floor < 0) {
    throw refusal(400, 'invalid_argument: min_secrets_version must be a whole number');
  }
  if (floor > app.vault.version) {
    throw refusal(412, `failed_precondition: min_secrets_version ${floor} is not yet available`);
  }
}

function startMachine({ machine, nonce, nowMs }: MachineCall): Reply {
  machine.lease.guard(nonce, nowMs);
  const previous_state = machine.state;
  machine.start();
  return { status: 200, body: { previous_state, migrated: false, new_host: '' } };
}

function stopMachine({ machine, nonce, body, nowMs }: MachineCall): Reply {
  machine.lease.guard(nonce, nowMs);
  const configured = stopPolicy(machine.version.config);
  const { signal } = body.signal === undefined ? configured : stopPolicy({ stop_config: body });
  machine.stop({ signal, timeoutMs: durationMs(body.timeout, configured.timeoutMs) });
  return { status: 200, body: { ok: true } };
}
