import { refusal } from './api-error.ts';
import type { Lease } from './lease.ts';
import type { Machine } from './machine.ts';
import { type MachineCall, machineRoute, type Reply, type Route } from './route.ts';

/** Seconds a lease lasts when the request names no `ttl`. */
const DEFAULT_TTL_SECONDS = 60;

/** Leases on a machine. Replies come in an envelope, `{status, data}`, which the spec leaves out. */
export const leaseRoutes: readonly Route[] = [
  machineRoute('GET /lease', 'getLease', ({ machine, nowMs }) => {
    return envelope(200, leaseView(machine.lease.require(nowMs), machine));
  }),
  machineRoute('POST /lease', 'acquireLease', acquire),
  machineRoute('DELETE /lease', 'releaseLease', ({ machine, nonce, nowMs }) => {
    machine.lease.release(nonce, nowMs);
    return envelope(200, { ok: true });
  }),
];

function acquire(call: MachineCall): Reply {
  const { machine, nonce, body, nowMs } = call;
  const ttlSeconds = Number(requestedTtl(call) ?? DEFAULT_TTL_SECONDS);
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1) {
    throw refusal(400, 'invalid_argument: ttl must be a whole number of seconds');
  }
  const description = typeof body.description === 'string' ? body.description : '';
  return envelope(201, leaseView(machine.lease.acquire({ nonce, ttlSeconds, description }, nowMs), machine));
}

function requestedTtl({ query, body, behaviour }: MachineCall): unknown {
  const { leaseTtlFrom } = behaviour;
  const inQuery = leaseTtlFrom === 'body' ? null : query.get('ttl');
  return inQuery ?? (leaseTtlFrom === 'query' ? undefined : body.ttl);
}

function leaseView(lease: Lease, machine: Machine): object {
  return {
    nonce: lease.nonce,
    expires_at: Math.floor(lease.expiresAtMs / 1_000),
    owner: lease.owner,
    description: lease.description,
    version: machine.version.instanceId,
  };
}

function envelope(status: number, data: object): Reply {
  return { status, body: { status: 'success', data } };
}
