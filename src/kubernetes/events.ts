import { type Clock, sleep } from '../clock.ts';
import { type ApiError, asApiError } from './api-error.ts';
import { Backoff } from './backoff.ts';
import type { Call, KubernetesClient } from './client.ts';
import { type EventMessage, toEvent } from './event.ts';
import type { ObjectReference } from './object-ref.ts';
import type { Resource } from './resource.ts';

export interface EventRecorderOptions {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Name of this process in the events, for example that of its Pod; at most 128 characters. */
  readonly instance: string;
  /** Told each event that was given up. */
  readonly onError: (error: ApiError) => void;
}

const RESOURCE: Resource = { apiVersion: 'events.k8s.io/v1', plural: 'events' };

/** More waiting than this means that nobody reads them any more. */
const CAPACITY = 1000;
const DEADLINE_MS = 5_000;
const ATTEMPTS = 5;

/**
 * Tells people about transitions, in order and beside the work: recording neither waits nor throws. Events
 * are a courtesy; the conditions hold the truth, so one that cannot be delivered is dropped.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #queue: Call[] = [];
  readonly #stopping = new AbortController();
  #draining: Promise<void> | undefined;
  #recorded = 0;
  #closed = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** Queues one event; drops it when 1,000 are waiting already, and after `flush`. */
  record(regarding: ObjectReference, message: EventMessage): void {
    if (this.#closed || this.#queue.length >= CAPACITY) return;
    const { clock, instance } = this.#options;
    const sequence = this.#recorded++ % 1_000_000;
    this.#queue.push({
      verb: 'create',
      at: { resource: RESOURCE, namespace: regarding.namespace },
      body: toEvent(regarding, message, { instance, at: clock.now(), sequence }),
      deadlineMs: DEADLINE_MS,
      signal: this.#stopping.signal,
    });
    this.#draining ??= this.#drain();
  }

  /** Takes no more events and sends those waiting, for at most `ms` milliseconds. */
  async flush(ms: number): Promise<void> {
    this.#closed = true;
    const done = new AbortController();
    const drained = Promise.resolve(this.#draining).then(() => done.abort());
    await Promise.race([drained, sleep(this.#options.clock, ms, done.signal)]);
    this.#stopping.abort();
    await drained;
  }

  async #drain(): Promise<void> {
    const { clock, random } = this.#options;
    const backoff = new Backoff(clock, random);
    for (let call = this.#queue.shift(); call !== undefined; call = this.#queue.shift()) {
      if (this.#stopping.signal.aborted) break;
      await this.#deliver(call, backoff);
    }
    this.#draining = undefined;
  }

  async #deliver(call: Call, backoff: Backoff): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const error = await this.#send(call);
      if (error === undefined) return;
      if (!isPassing(error) || attempt === ATTEMPTS || this.#stopping.signal.aborted) {
        this.#options.onError(error);
        return;
      }
      const wait = Math.max(backoff.next(), error.retryAfterMs ?? 0);
      await sleep(this.#options.clock, wait, this.#stopping.signal);
    }
  }

  /** One attempt. An event that is there already is one whose answer got lost. */
  async #send(call: Call): Promise<ApiError | undefined> {
    try {
      await this.#options.client.call(call);
      return undefined;
    } catch (error) {
      const refusal = asApiError(call, error);
      return refusal.reason === 'AlreadyExists' ? undefined : refusal;
    }
  }
}

function isPassing(error: ApiError): boolean {
  return error.status === 0 || error.status === 429 || error.status >= 500;
}
