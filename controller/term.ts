import { type Clock, sleep } from '../src/clock.ts';
import type { Priority } from './priority.ts';
import { type WorkerOptions, Workers } from './worker.ts';
import { WorkQueue, type WorkQueueHooks } from './workqueue.ts';

export interface TermOptions extends Omit<WorkerOptions, 'queue'> {
  readonly clock: Clock;
  readonly meters: WorkQueueHooks;
}

/** How long runs under way may go on after a stop was asked for, in milliseconds. */
const DRAIN_MS = 20_000;

/** The work of one time as leader: its queue and its workers. Once it has ended, nothing of it is under way. */
export class Term {
  readonly #clock: Clock;
  readonly #queue: WorkQueue;
  readonly #workers: Workers;
  readonly #aborting = new AbortController();
  #working: Promise<void> = Promise.resolve();

  constructor({ meters, ...options }: TermOptions) {
    this.#clock = options.clock;
    this.#queue = new WorkQueue(options.clock, meters);
    this.#workers = new Workers({ ...options, queue: this.#queue });
  }

  get isStuck(): boolean {
    return this.#workers.isStuck;
  }

  /** @param count bindings worked on at once. @param keys all that there are: what happened before is not known */
  start(count: number, keys: readonly string[]): void {
    this.#working = this.#workers.run(count, this.#aborting.signal);
    for (const key of keys) this.wake(key, 'low');
  }

  wake(key: string, priority: Priority): void {
    this.#queue.add(key, priority);
  }

  /** Breaks off the runs under way: the Lease was lost. */
  abort(): void {
    this.#aborting.abort(new Error('the Lease was lost'));
  }

  /** Starts nothing more, lets the runs under way end by themselves, and ends them when that takes too long. */
  async end(): Promise<void> {
    const done = new AbortController();
    const drained = this.#queue.shutdown().then(() => done.abort());
    await sleep(this.#clock, DRAIN_MS, done.signal);
    this.#aborting.abort(new Error('the controller is stopping'));
    await drained;
    await this.#working;
  }
}
