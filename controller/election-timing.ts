/** The three periods of the election, in milliseconds. */
export interface ElectionTiming {
  /** How long after its last renewal a Lease keeps others out. Whole seconds, as the Lease stores them. */
  readonly leaseDurationMs: number;
  /** How long after its last renewal the holder goes on leading. */
  readonly renewDeadlineMs: number;
  /** Pause between two attempts. */
  readonly retryPeriodMs: number;
}

/** client-go's defaults. */
export const DEFAULT_TIMING: ElectionTiming = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
};

/**
 * A candidate waits the retry period times 1 to this, so that candidates do not march in step. (client-go adds up
 * to 1.2 periods instead: with its defaults a dead leader can then keep the others out for 22 s.)
 */
export const RETRY_JITTER = 1.2;

export interface TimingFault {
  readonly period: keyof ElectionTiming;
  /** What it must be, to follow the period's name. */
  readonly demand: string;
}

/** The rules of client-go: a leader must notice that it cannot renew before another may take over, and try more than once. */
export function timingFaults(timing: ElectionTiming): TimingFault[] {
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = timing;
  const faults: TimingFault[] = [];
  if (leaseDurationMs < 1000 || leaseDurationMs % 1000 !== 0) {
    faults.push({ period: 'leaseDurationMs', demand: 'must be whole seconds, at least one' });
  }
  if (leaseDurationMs <= renewDeadlineMs) {
    faults.push({ period: 'leaseDurationMs', demand: 'must be longer than the renew deadline' });
  }
  if (retryPeriodMs <= 0) faults.push({ period: 'retryPeriodMs', demand: 'must be longer than zero' });
  if (renewDeadlineMs <= retryPeriodMs * RETRY_JITTER) {
    faults.push({
      period: 'renewDeadlineMs',
      demand: `must be longer than ${RETRY_JITTER} times the retry period`,
    });
  }
  return faults;
}
