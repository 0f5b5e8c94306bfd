import { refusal } from './api-error.ts';
import type { Machine } from './machine.ts';
import { isRecord, metadata } from './machine-config.ts';
import { type MachineCall, machineRoute, type Reply, type Route } from './route.ts';

/** A machine's metadata: changed within the version, under nobody's lease, and replaced by the next update. */
export const metadataRoutes: readonly Route[] = [
  machineRoute('GET /metadata', 'getMetadata', ({ machine }) => ({
    status: 200,
    body: metadata(machine.version.config),
  })),
  machineRoute('PUT /metadata', 'updateMetadata', update),
  machineRoute('PATCH /metadata', 'updateMetadata', update),
  machineRoute('GET /metadata/:key', 'getMetadata', ({ machine, key }) => {
    const value = metadata(machine.version.config)[key];
    if (value === undefined) throw refusal(404, 'not_found: metadata key not found');
    return { status: 200, body: { value } };
  }),
  machineRoute('POST /metadata/:key', 'updateMetadata', ({ machine, key, body }) => {
    return change(machine, { [key]: body.value });
  }),
  machineRoute('DELETE /metadata/:key', 'updateMetadata', ({ machine, key }) => {
    return change(machine, { [key]: null });
  }),
];

function update({ machine, body }: MachineCall): Reply {
  if (!isRecord(body.metadata)) throw refusal(400, 'invalid_argument: metadata must be an object');
  if (body.machine_version !== undefined && body.machine_version !== machine.version.instanceId) {
    throw refusal(412, 'failed_precondition: machine version mismatch');
  }
  return change(machine, body.metadata);
}

/** Null and the empty string remove a key. @throws ApiError 400 for anything else that is no string */
function change(machine: Machine, changes: Readonly<Record<string, unknown>>): Reply {
  if (Object.values(changes).some((value) => value !== null && typeof value !== 'string')) {
    throw refusal(400, 'invalid_argument: metadata values must be strings');
  }
  const { config } = machine.version;
  const merged = Object.entries({ ...metadata(config), ...changes });
  const kept = Object.fromEntries(merged.filter(([, value]) => value !== null && value !== ''));
  machine.amend({ ...config, metadata: kept });
  return { status: 204 };
}
