import assert from 'node:assert/strict';
import { DEFAULT_TIMING } from '../../controller/election-timing.ts';
import { createElector, type Elector } from '../../controller/leader.ts';
import type { LeaseRecord } from '../../src/kubernetes/lease.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Connection, LeaseMemory } from './lease-memory.ts';

export interface Candidate {
  readonly connection: Connection;
  readonly elector: Elector;
  readonly errors: readonly unknown[];
  /** 'start' and 'stop' as they were told. */
  readonly told: readonly string[];
  readonly abort: () => void;
  /** Ends with the run. */
  readonly ended: Promise<void>;
}

/** One Lease, one time, and whoever stands for election. */
export class Election {
  readonly clock = new FakeClock();
  readonly lease = new LeaseMemory();

  /** A candidate that stands at once. `random` is what its dice always show, from 0 up to 1. */
  stand(identity: string, random = 0.5): Candidate {
    const connection = this.lease.connect();
    const errors: unknown[] = [];
    const told: string[] = [];
    const elector = createElector({
      store: connection,
      identity,
      timing: DEFAULT_TIMING,
      clock: this.clock,
      random: () => random,
      onStartedLeading: () => told.push('start'),
      onStoppedLeading: () => told.push('stop'),
      onError: (error) => errors.push(error),
    });
    const controller = new AbortController();
    const ended = elector.run(controller.signal);
    return { connection, elector, errors, told, abort: () => controller.abort(), ended };
  }

  /** Milliseconds until the candidate leads, looked at every 50 ms. */
  async msUntilLeading({ elector }: Candidate): Promise<number> {
    const from = this.clock.monotonic();
    while (!elector.isLeader()) {
      assert.ok(this.clock.monotonic() - from < 120_000, 'never became leader');
      await this.clock.advance(50);
    }
    return this.clock.monotonic() - from;
  }

  /** Stores a Lease that somebody else, of whom nothing more is heard, takes just now. */
  takeByStranger(change: Partial<LeaseRecord> = {}): void {
    const at = this.clock.now();
    const times = { leaseDurationSeconds: 15, acquireTime: at, renewTime: at, leaseTransitions: 0 };
    this.lease.write({ ...times, ...this.lease.record, holderIdentity: 'stranger', ...change });
  }
}
