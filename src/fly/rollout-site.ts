import type { Clock } from '../clock.ts';
import type { SecretValue } from '../secret-value.ts';
import type { Machines } from './machines.ts';

/** What a rollout is to reach. */
export interface RolloutTarget {
  /** Every machine's version must have been made with at least this version of the app's secrets. */
  readonly secretsVersion: number;
  /**
   * What updates are made with at least: the latest version that anybody wrote, so that one update serves all who
   * feed the app. `secretsVersion` when absent.
   */
  readonly floor?: number;
  /** Some machine has run well with it before, whatever is to be seen now. */
  readonly proven?: boolean;
  /** The metadata key of the marker; the same for everybody who feeds the app, as they share its versions. */
  readonly marker: string;
  /** The one machine that is to reach it; all that the policy includes when absent. */
  readonly only?: string;
}

/** How careful a rollout is. */
export interface RolloutPolicy {
  /**
   * Rolling: updated under a lease, healthy one after the other. Immediate: all at once, nobody waits.
   * Reload: running machines get the value by exec and keep running, resting ones as in Rolling.
   */
  readonly strategy: 'Rolling' | 'Immediate' | 'Reload';
  /** Running machines that may be down at once: a count (1..) or a share in percent (rounded up, as flyctl does). */
  readonly maxUnavailable: { readonly count: number } | { readonly percent: number };
  /** How long a machine may take to become well with the target, in ms. */
  readonly machineTimeoutMs: number;
  /** Whether machines without `fly_platform_version` (not managed by Fly Launch) are rolled, too. */
  readonly includeUnmanaged: boolean;
  /** With Reload, and only then: absolute path of the file that running machines re-read, and its content. */
  readonly reload?: ReloadFile;
}

/** A file that a process re-reads while it runs. */
export interface ReloadFile {
  readonly path: string;
  readonly value: SecretValue;
}

/** Bounds of one call. */
export interface RolloutLimits {
  /** How long it may watch machines, in ms; the calls to Fly that it makes come on top. */
  readonly watchMs: number;
}

/** Where a rollout takes place. */
export interface RolloutSite {
  readonly app: string;
  readonly machines: Machines;
  readonly clock: Clock;
  readonly limits: RolloutLimits;
}
