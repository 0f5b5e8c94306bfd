import type { Machine } from './machine.ts';

/** A machine as GET shows it: the nonce of its lease included while there is one. */
export function machineView(machine: Machine, nowMs: number): object {
  const lease = machine.lease.current(nowMs);
  return {
    ...summaryView(machine),
    config: machine.version.config,
    events: machine.history.events,
    checks: machine.checks,
    host_status: 'ok',
    ...(lease && { nonce: lease.nonce }),
  };
}

/** What `summary=true` leaves of it. */
export function summaryView(machine: Machine): object {
  return {
    id: machine.id,
    name: `sandbox-${machine.id}`,
    state: machine.state,
    region: machine.host.region,
    instance_id: machine.version.instanceId,
    version: machine.version.instanceId,
    private_ip: '127.0.0.1',
    created_at: new Date(machine.history.createdAtMs).toISOString(),
    updated_at: new Date(machine.history.updatedAtMs).toISOString(),
  };
}
