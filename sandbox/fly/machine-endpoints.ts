import { refusal } from './api-error.ts';
import type { Machine } from './machine.ts';
import { isRecord, metadata, standbyFor } from './machine-config.ts';
import type { MachineVersion } from './machine-version.ts';
import { machineView, summaryView, versionViews } from './machine-view.ts';
import { type AppCall, appRoute, type MachineCall, machineRoute, type Reply, type Route } from './route.ts';
import { waitForState } from './wait.ts';

/** Machines: list, create, get, update, destroy, wait, versions. */
export const machineRoutes: readonly Route[] = [
  appRoute('GET /machines', 'listMachines', listMachines),
  appRoute('POST /machines', 'createMachine', createMachine),
  machineRoute('GET', 'getMachine', view, { perSecond: 5, burst: 10 }),
  machineRoute('POST', 'updateMachine', updateMachine),
  machineRoute('DELETE', 'destroyMachine', destroyMachine),
  machineRoute('GET /wait', 'waitMachine', waitForState),
  machineRoute('GET /versions', 'listVersions', ({ machine }) => ({
    status: 200,
    body: versionViews(machine),
  })),
];

function view({ machine, nowMs }: MachineCall): Reply {
  return { status: 200, body: machineView(machine, nowMs) };
}

function listMachines({ app, query, nowMs }: AppCall): Reply {
  const summary = query.get('summary') === 'true';
  const machines = app.machines.filter((machine) => matches(machine, query));
  return { status: 200, body: machines.map((m) => (summary ? summaryView(m) : machineView(m, nowMs))) };
}

/** Filters `state` (comma-separated), `region`, `metadata.<key>` and `include_deleted`. */
function matches(machine: Machine, query: URLSearchParams): boolean {
  const { state, version } = machine.face;
  if (state === 'destroyed' && query.get('include_deleted') !== 'true') return false;
  return [...query].every(([name, wanted]) => {
    if (name === 'state') return wanted.split(',').includes(state);
    if (name === 'region') return wanted === machine.host.region;
    if (!name.startsWith('metadata.')) return true;
    return metadata(version.config)[name.slice('metadata.'.length)] === wanted;
  });
}

/** Answers the machine as `created`; it starts afterwards, unless it stands by or `skip_launch` says not to. */
function createMachine(call: AppCall): Reply {
  const { app, body, nowMs } = call;
  const version = requestedVersion(call);
  const machine = app.createMachine(version);
  const created = machineView(machine, nowMs);
  if (body.skip_launch !== true && standbyFor(version.config).length === 0) machine.launch();
  return { status: 200, body: created };
}

/** Shows the new version, whatever reads see for a while. */
function updateMachine(call: MachineCall): Reply {
  const { machine, body, nonce, nowMs, behaviour } = call;
  if (!isRecord(body.config)) throw configMissing();
  machine.lease.guard(nonce, nowMs);
  const version = requestedVersion(call);
  if (body.current_version !== undefined && body.current_version !== machine.version.instanceId) {
    const status = behaviour.versionMismatchStatus;
    const code = status === 409 ? 'aborted' : 'failed_precondition';
    throw refusal(status, `${code}: machine version does not match current_version`);
  }
  machine.update(version, body.skip_launch === true);
  const { instanceId, config } = version;
  const { state, checks } = machine;
  const own = { instance_id: instanceId, version: instanceId, config, state, checks };
  return { status: 200, body: { ...machineView(machine, nowMs), ...own } };
}

/**
 * The version that a create or an update asks for. `min_secrets_version` is a floor: one that machines cannot see
 * yet is refused.
 */
function requestedVersion({ app, body, breaksVersions }: AppCall): MachineVersion {
  if (!isRecord(body.config)) throw configMissing();
  const floor = body.min_secrets_version ?? 0;
  if (typeof floor !== 'number' || !Number.isInteger(floor) || floor < 0) {
    throw refusal(400, 'invalid_argument: min_secrets_version must be a whole number');
  }
  if (floor > app.vault.snapshot().version) {
    throw refusal(412, `failed_precondition: min_secrets_version ${floor} is not yet available`);
  }
  const skipSecrets = body.skip_secrets === true;
  return app.newVersion({ config: body.config, skipSecrets, broken: breaksVersions });
}

function configMissing() {
  return refusal(400, 'invalid_argument: config is required');
}

function destroyMachine({ machine, nonce, query, nowMs }: MachineCall): Reply {
  machine.lease.guard(nonce, nowMs);
  machine.destroy(query.get('force') === 'true');
  return { status: 200, body: { ok: true } };
}
