import type { EpochMs } from '../../src/clock.ts';
import { WithheldError } from '../../src/failure.ts';

/** `open`: the provider's circuit is open, it seems to be down; `busy`: others go first. */
export type DeferralReason = 'busy' | 'open';

/** It is not the binding's turn to ask its provider. The run rests and is woken at `until`. */
export class DeferredError extends WithheldError {
  override readonly name = 'DeferredError';
  /** Estimated turn, epoch ms. A binding that becomes urgent before may come back then. */
  readonly until: EpochMs;
  readonly reason: DeferralReason;

  constructor(until: EpochMs, reason: DeferralReason) {
    super(
      reason === 'open'
        ? 'the provider has not been answering; the binding waits until it is tried again'
        : 'the provider is asked by as many bindings as it may be; the binding waits for its turn',
    );
    this.until = until;
    this.reason = reason;
  }
}
