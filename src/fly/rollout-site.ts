import type { Clock } from '../clock.ts';
import type { Machines } from './machines.ts';

/** What a rollout is to reach. */
export interface RolloutTarget {
  /** Every machine's version must have been made with at least this version of the app's secrets. */
  readonly secretsVersion: number;
  /** The metadata key of the marker; the same for everybody who feeds the app, as they share its versions. */
  readonly marker: string;
}

/** Bounds of a rollout, in ms. */
export interface RolloutLimits {
  /** How long one call may watch a machine; the calls to Fly that it makes come on top. */
  readonly watchMs: number;
  /** How long an updated machine may take to become well. */
  readonly machineTimeoutMs: number;
}

/** Where a rollout takes place. */
export interface RolloutSite {
  readonly app: string;
  readonly machines: Machines;
  readonly clock: Clock;
  readonly limits: RolloutLimits;
}
