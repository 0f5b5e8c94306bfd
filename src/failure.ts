/**
 * The closed set of reasons for which something did not work. Each is a condition reason, an event reason and
 * a metric label at once (docs/operations.md).
 */
export type FailureReason = IssueFailureReason | DeliveryFailureReason;

/** Why no token was obtained or kept: reasons of `Issued=False`. */
export type IssueFailureReason =
  | 'CredentialsMissing'
  | 'CredentialsInvalid'
  | 'ClientNotAuthorized'
  | 'AudienceUnknown'
  | 'ScopeNotGranted'
  | 'RequestRefused'
  | 'RateLimited'
  | 'QuotaExceeded'
  | 'ProviderUnavailable'
  | 'ResponseInvalid'
  | 'VerificationFailed'
  | 'ProbeRejected'
  | 'SecretConflict'
  | 'SecretRefused';

/** Why a token did not reach a delivery: reasons of `Delivered=False`. */
export type DeliveryFailureReason =
  | 'RolloutFailed'
  | 'RolledBack'
  | 'ConflictingWriter'
  | 'ConflictingBinding'
  | 'Unauthorized'
  | 'AppNotFound'
  | 'PlatformUnavailable'
  | 'RequestRefused'
  | 'CredentialsMissing';

/**
 * What to do next about a failure.
 * `retry`: try again with backoff, not before `notBefore`. `stall`: a person must act; wakes on a change of
 * the spec or of a referenced Secret, plus a slow probe (things get fixed outside Kubernetes too).
 */
export type Disposition = 'retry' | 'stall';

/** Plain data, safe to log and to keep in status: `message` never quotes a remote party's text or a secret. */
export interface Failure<R extends FailureReason = FailureReason> {
  readonly reason: R;
  readonly disposition: Disposition;
  /** One sentence for the condition: what happened, and what the reader can do about it. */
  readonly message: string;
  /** Earliest next attempt in epoch ms, when the remote side asked for one (Retry-After). */
  readonly notBefore?: number;
}

/** A `Failure` on its way up the stack. Its text is the failure's own message, never a cause's. */
export class FailureError<R extends FailureReason = FailureReason> extends Error {
  override readonly name = 'FailureError';
  readonly failure: Failure<R>;

  constructor(failure: Failure<R>) {
    super(failure.message);
    this.failure = failure;
  }
}

/** A call that this process itself held back: it was not sent, and says nothing about whom it was meant for. */
export class WithheldError extends Error {
  override readonly name: string = 'WithheldError';
}

/** What to do next follows from the reason alone, so that condition, backoff and runbook always agree. */
export const DISPOSITIONS: Readonly<Record<FailureReason, Disposition>> = {
  CredentialsMissing: 'stall',
  CredentialsInvalid: 'stall',
  ClientNotAuthorized: 'stall',
  AudienceUnknown: 'stall',
  ScopeNotGranted: 'stall',
  RequestRefused: 'stall',
  RateLimited: 'retry',
  QuotaExceeded: 'retry',
  ProviderUnavailable: 'retry',
  ResponseInvalid: 'retry',
  // Every further attempt costs a token of the quota, and what it says is for a person to correct.
  VerificationFailed: 'stall',
  ProbeRejected: 'stall',
  SecretConflict: 'stall',
  // An API server that has just started refuses everything for a moment, until it knows the roles.
  SecretRefused: 'retry',
  RolloutFailed: 'stall',
  // A fresh token is tried by itself; what two of them say is for a person (see dispositionOfRejection).
  RolledBack: 'retry',
  ConflictingWriter: 'stall',
  ConflictingBinding: 'stall',
  Unauthorized: 'stall',
  AppNotFound: 'stall',
  PlatformUnavailable: 'retry',
};

/**
 * A failure with the disposition that its reason has.
 *
 * @param notBefore earliest next attempt in epoch ms; undefined when the remote side asked for none
 */
export function failure<R extends FailureReason>(reason: R, message: string, notBefore?: number): Failure<R> {
  const disposition = DISPOSITIONS[reason];
  return { reason, disposition, message, ...(notBefore === undefined ? {} : { notBefore }) };
}
