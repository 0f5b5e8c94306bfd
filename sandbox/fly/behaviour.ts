/**
 * How the look-alike behaves where the sources about the live service disagree or say nothing. Each may be set at
 * any time and holds from then on. Delays are in milliseconds of real time.
 */
export interface Behaviour {
  /** Under which names a write of secrets answers its version: `version`, the deprecated `Version`, or both. */
  versionSpelling: 'both' | 'current' | 'deprecated';
  /** Whether a write that changes no value raises the version all the same. */
  equalWriteRaisesVersion: boolean;
  /** After a write, machines get the older secrets for this long, and a floor of that write is 412. */
  vaultLagMs: number;
  /** Answer to an update whose `current_version` is not the current one. */
  versionMismatchStatus: 409 | 412;
  /** Body of the 409 about a lease: of the lease endpoints `envelope`, of the others `error`; or one for all. */
  leaseConflictBody: 'byEndpoint' | 'envelope' | 'error';
  /** Where a lease's `ttl` is read; `either` prefers the query. */
  leaseTtlFrom: 'either' | 'query' | 'body';
  /** A start while the machine is replaced: 412, or 200 and no effect. */
  startWhileReplacing: 'refused' | 'dropped';
  /** Whether a start, restart or restart by policy brings the newest secrets without a new version. */
  startTakesNewSecrets: boolean;
  /** Whether an update without `skip_launch` starts a machine that was at rest. */
  updateStartsResting: boolean;
  /** After an update, reads and waits still see the version before for this long. */
  updateLagMs: number;
  /** Whether machines that are up show a passing check that nobody configured, `bg_deployments_compat`. */
  inventsCheck: boolean;
  /** A machine just created is 404 for this long. */
  createLagMs: number;
  /** A destroyed machine can be read, as `destroyed`, for this long; then it is 404. */
  destroyedVisibleMs: number;
}

/** What most sources report, without any lag. */
export const USUAL_BEHAVIOUR: Readonly<Behaviour> = {
  versionSpelling: 'both',
  equalWriteRaisesVersion: true,
  vaultLagMs: 0,
  versionMismatchStatus: 412,
  leaseConflictBody: 'byEndpoint',
  leaseTtlFrom: 'either',
  startWhileReplacing: 'refused',
  startTakesNewSecrets: false,
  updateStartsResting: false,
  updateLagMs: 0,
  inventsCheck: false,
  createLagMs: 0,
  destroyedVisibleMs: 0,
};
