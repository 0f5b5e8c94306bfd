import type { EpochMs } from '../clock.ts';
import type { DeliveryFailureReason, Failure, IssueFailureReason } from '../failure.ts';
import type { MachineCounts, RolloutProgress, SecretWrite } from './delivery.ts';
import type { ProbeResult } from './facts.ts';
import type { CredentialUsed, Deferral } from './progress.ts';
import type { ProviderReport } from './provider-report.ts';
import type { StoredToken } from './stored-token.ts';

/** What a step reports: the events of the machine. `at` is when it happened, epoch ms; all times by the wall clock. */
export type StepResult =
  | {
      type: 'issued';
      token: StoredToken;
      report: ProviderReport;
      credentialUsed: CredentialUsed;
      at: EpochMs;
    }
  | { type: 'issueFailed'; failure: Failure<IssueFailureReason>; report?: ProviderReport; at: EpochMs }
  | { type: 'issueDeferred'; deferral: Deferral }
  | ({ type: 'probed' } & ProbeResult)
  | { type: 'secretWritten'; token: StoredToken }
  | { type: 'recorded' }
  /** `awaited`: whether another binding is about to write to the app, seen after the write. */
  | { type: 'flySecretSet'; write: SecretWrite; awaited?: boolean; at: EpochMs }
  | { type: 'rolled'; progress: RolloutProgress; at: EpochMs }
  | {
      type: 'deliveryFailed';
      failure: Failure<DeliveryFailureReason>;
      at: EpochMs;
      /** How far the rollout had come, when it is the rollout that failed. */
      machines?: MachineCounts;
      /** Every machine had the token already, and was left alone: one of them fell ill by itself. */
      complete?: boolean;
    }
  /** The first machine did not become healthy with the token. */
  | {
      type: 'tokenRejected';
      failure: Failure<DeliveryFailureReason>;
      machineId: string;
      machines: MachineCounts;
      at: EpochMs;
    }
  /** Another binding rolls the app out just now. */
  | { type: 'rolloutPostponed'; until: EpochMs }
  | { type: 'previousKept'; token: StoredToken }
  | { type: 'previousNotKept' }
  | { type: 'previousForgotten' }
  /**
   * `digest`: of the app's secret now, undefined when it is not set; what was delivered where only the machines were
   * looked at. `progress`: of its machines.
   */
  | { type: 'driftChecked'; digest: string | undefined; progress?: RolloutProgress; at: EpochMs }
  /** The app could not be asked; the next check will. */
  | { type: 'driftUnknown'; failure: Failure<DeliveryFailureReason>; at: EpochMs }
  | { type: 'unset' }
  | { type: 'cleanupFailed'; failure: Failure<DeliveryFailureReason>; at: EpochMs }
  | { type: 'released' };
