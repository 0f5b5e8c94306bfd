import type { CheckResult } from './health.ts';
import type { Machine } from './machine.ts';
import { type MachineConfig, metadata } from './machine-config.ts';
import type { MachineState } from './machine-state.ts';

/** A machine as this process sees it, past the API. */
export interface MachineInspection {
  readonly id: string;
  readonly instanceId: string;
  readonly state: MachineState;
  /** Version of the secrets in the environment of its boots. */
  readonly secretsVersion: number;
  readonly config: MachineConfig;
  readonly checks: readonly CheckResult[];
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  /** Plain HTTP address of the program; undefined while it is down. */
  readonly url: string | undefined;
  /** Updates accepted since it was added. */
  readonly updates: number;
  /** All that were accepted, the first at creation; the latest made first. */
  readonly versions: readonly VersionInspection[];
  /** When its lease ends, in ms since the epoch; undefined when nobody holds it. */
  readonly leasedUntilMs: number | undefined;
  /** Nonce of that lease. */
  readonly leaseNonce: string | undefined;
}

/** A version of a machine, with the metadata that it has by now. */
export interface VersionInspection {
  readonly instanceId: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export function inspect(machine: Machine, nowMs: number): MachineInspection {
  const { id, version, state, checks, boot, updates } = machine;
  const lease = machine.lease.current(nowMs);
  return {
    id,
    instanceId: version.instanceId,
    state,
    secretsVersion: version.secrets.version,
    config: version.config,
    checks,
    pid: boot?.pid,
    url: boot && `http://127.0.0.1:${boot.port}`,
    updates,
    versions: machine.versions.map(({ instanceId, config }) => ({ instanceId, metadata: metadata(config) })),
    leasedUntilMs: lease?.expiresAtMs,
    leaseNonce: lease?.nonce,
  };
}
