import type { CheckResult } from './health.ts';
import type { Machine } from './machine.ts';
import type { MachineConfig } from './machine-config.ts';

/** What remains to be known of the configuration when the host does not answer. */
const KNOWN_WITHOUT_HOST = ['image', 'guest', 'metadata', 'auto_destroy', 'restart'];

/** Result that the platform makes up for old clients. */
const INVENTED_CHECK = 'bg_deployments_compat';

/** A machine as GET shows it: the nonce of its lease included while there is one. */
export function machineView(machine: Machine, nowMs: number): object {
  const lease = machine.lease.current(nowMs);
  const { config } = machine.face.version;
  return {
    ...summaryView(machine),
    ...(machine.reachable ? { config } : { incomplete_config: incomplete(config) }),
    events: machine.history.events,
    checks: checksOf(machine),
    host_status: machine.reachable ? 'ok' : 'unreachable',
    ...(lease && { nonce: lease.nonce }),
  };
}

function checksOf({ checks, boot, host }: Machine): readonly CheckResult[] {
  if (!boot || !host.behaviour.inventsCheck) return checks;
  const updated_at = new Date(host.now()).toISOString();
  return [...checks, { name: INVENTED_CHECK, status: 'passing', output: '', updated_at }];
}

/** What `summary=true` leaves of it. */
export function summaryView(machine: Machine): object {
  const { version, state } = machine.face;
  return {
    id: machine.id,
    name: `sandbox-${machine.id}`,
    state,
    region: machine.host.region,
    instance_id: version.instanceId,
    version: version.instanceId,
    private_ip: '127.0.0.1',
    created_at: new Date(machine.history.createdAtMs).toISOString(),
    updated_at: new Date(machine.history.updatedAtMs).toISOString(),
  };
}

/** Every version of it, the latest made first. */
export function versionViews(machine: Machine): readonly object[] {
  return machine.face.versions.map(({ instanceId, config }) => ({
    version: instanceId,
    user_config: config,
  }));
}

function incomplete(config: MachineConfig): MachineConfig {
  return Object.fromEntries(Object.entries(config).filter(([key]) => KNOWN_WITHOUT_HOST.includes(key)));
}
