import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../src/clock.ts';
import { hasReason } from '../src/kubernetes/api-error.ts';
import { FencedError } from './fence.ts';
import type { Logger } from './log.ts';
import type { Outcome } from './reconcile.ts';
import type { WorkQueue } from './workqueue.ts';
import { OutdatedError } from './world.ts';

/** A run may take this long, in milliseconds; its signal aborts then. Longer than every chain of bounded steps. */
export const RUN_DEADLINE_MS = 120_000;

export interface WorkerOptions {
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly log: Logger;
  readonly reconcile: (key: string, log: Logger, signal: AbortSignal) => Promise<Outcome | undefined>;
  /** Told how each run ended, and how long it took in seconds. */
  readonly onRun: (key: string, result: RunResult, seconds: number) => void;
}

/** `error`: the API server, a lost Lease or a fault of ours; `outdated`: the world moved, look again. */
export type RunResult =
  | { readonly outcome: Outcome | undefined; readonly error?: never }
  | { readonly outcome?: never; readonly error: 'outdated' | 'fenced' | 'error' };

/** Works on keys, `count` at a time, until the queue is shut down or `signal` aborts the runs under way. */
export class Workers {
  readonly #options: WorkerOptions;
  /** Start of each run under way, monotonic ms. */
  readonly #running = new Map<string, number>();

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  async run(count: number, signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.#work(signal)));
  }

  /** Whether a run has outlived its deadline by far: a call without a deadline, a fault that needs a restart. */
  get isStuck(): boolean {
    const now = this.#options.clock.monotonic();
    return [...this.#running.values()].some((startedAt) => now - startedAt > 2 * RUN_DEADLINE_MS);
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { queue, clock, onRun } = this.#options;
    for (let key = await queue.get(); key !== undefined; key = await queue.get()) {
      const startedAt = clock.monotonic();
      this.#running.set(key, startedAt);
      const result = await this.#attempt(key, signal);
      this.#running.delete(key);
      onRun(key, result, (clock.monotonic() - startedAt) / 1000);
      this.#requeue(key, result);
      queue.done(key);
      // A run from caches alone is a chain of microtasks: without this, many of them starve timers and the Lease.
      await turn();
    }
  }

  async #attempt(key: string, signal: AbortSignal): Promise<RunResult> {
    const [namespace, name] = key.split('/');
    const log = this.#options.log.child({ namespace, name, run: crypto.randomUUID().slice(0, 8) });
    try {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(RUN_DEADLINE_MS)]);
      return { outcome: await this.#options.reconcile(key, log, deadline) };
    } catch (error) {
      const kind = classify(error);
      log[kind === 'error' ? 'warn' : 'info']({ err: error }, 'the run ended early and is tried again');
      return { error: kind };
    }
  }

  /** The one switch from the end of a run to the queue. */
  #requeue(key: string, result: RunResult): void {
    const { queue, clock } = this.#options;
    if (result.error) {
      queue.addRateLimited(key);
      return;
    }
    queue.forget(key);
    const wakeAt = result.outcome?.wakeAt;
    if (wakeAt !== undefined) queue.addAfter(key, wakeAt - clock.now(), 'low');
  }
}

function classify(error: unknown): 'outdated' | 'fenced' | 'error' {
  // A binding that went while it was worked on: the next run finds none and forgets it.
  if (error instanceof OutdatedError || hasReason(error, 'NotFound') || hasReason(error, 'Conflict')) {
    return 'outdated';
  }
  return error instanceof FencedError ? 'fenced' : 'error';
}
