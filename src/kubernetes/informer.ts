import { type Clock, sleep } from '../clock.ts';
import { ApiError } from './api-error.ts';
import { Backoff } from './backoff.ts';
import type { KubernetesClient } from './client.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { listPages, type Selection } from './list-pages.ts';
import { type ChangeHandler, Store, toEntry } from './store.ts';
import { watchStream } from './watch-stream.ts';

export interface InformerOptions<T> {
  readonly client: KubernetesClient;
  readonly selection: Selection;
  /** Keeps of an object what is needed; the whole is not held. Must not throw. */
  readonly project: (object: KubernetesObject) => T;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Told every failure: of the API server (`ApiError`, being retried) and of a handler (isolated). */
  readonly onError: (error: unknown) => void;
}

/** Streams last 5 to 10 minutes, so that those opened together do not end together. */
const STREAM_SECONDS = 300;

/** A stream that ends sooner without an event did not really open. */
const SHORT_STREAM_MS = 1_000;

/** After this many failures in a row without an event the place in the history is given up. */
const FRUITLESS_LIMIT = 5;

/** A local copy of a selection, kept current through every fault until it is stopped. */
export class Informer<T> {
  readonly #options: InformerOptions<T>;
  readonly #store: Store<T>;
  readonly #handlers: ChangeHandler<T>[] = [];
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  /** The resourceVersion to watch from; undefined when a list is due. */
  #position: string | undefined;
  #synced = false;
  #fruitless = 0;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#backoff = new Backoff(options.clock, options.random);
    this.#store = new Store(options.project, (...change) => this.#tell(...change));
  }

  /** Whether the first list has arrived: before that, absent means nothing. */
  get hasSynced(): boolean {
    return this.#synced;
  }

  get(key: string): T | undefined {
    return this.#store.get(key);
  }

  list(): T[] {
    return this.#store.list();
  }

  onChange(handler: ChangeHandler<T>): void {
    this.#handlers.push(handler);
  }

  /** Puts in what the API server answered to a write; a view at least as new is kept. */
  absorb(object: KubernetesObject): void {
    this.#store.absorb(object);
  }

  /** Begins to follow. Further calls change nothing; a stopped informer stays stopped. */
  start(): void {
    this.#running ??= this.#run(this.#stopping.signal);
  }

  /** Resolves when no request and no stream of it is left. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#position ??= await this.#list(signal);
        await this.#watch(this.#position, signal);
      } catch (error) {
        if (signal.aborted) return;
        await sleep(this.#options.clock, this.#delayAfter(error), signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { client, selection, project } = this.#options;
    this.#store.beginList();
    const snapshot = await listPages(client, selection, (object) => toEntry(object, project), signal);
    this.#store.replace(snapshot);
    this.#backoff.succeeded();
    this.#synced = true;
    return snapshot.resourceVersion;
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, clock, random, selection } = this.#options;
    const openedAt = clock.monotonic();
    const timeoutSeconds = Math.round(STREAM_SECONDS * (1 + random()));
    let events = 0;
    for await (const event of watchStream(client, selection, {
      clock,
      resourceVersion,
      timeoutSeconds,
      signal,
    })) {
      this.#store.observe(event);
      this.#position = event.object.metadata.resourceVersion;
      this.#fruitless = 0;
      this.#backoff.succeeded();
      events += 1;
    }
    if (events === 0 && clock.monotonic() - openedAt < SHORT_STREAM_MS) {
      throw new ApiError({ verb: 'watch', at: selection.at }, { status: 0, reason: 'ClosedAtOnce' });
    }
  }

  /** Decides where to go on after a failure, and returns the wait before it in milliseconds. */
  #delayAfter(error: unknown): number {
    this.#options.onError(error);
    this.#fruitless += 1;
    const refused = error instanceof ApiError ? error : undefined;
    // 410: the history we stood in is compacted. A malformed answer: what it said is lost. Neither heals by
    // watching on; nor does a position from the future, after the API server's data went back in time.
    const lost = refused?.status === 410 || refused?.reason === 'MalformedAnswer';
    if (lost || this.#fruitless >= FRUITLESS_LIMIT) {
      this.#position = undefined;
      this.#fruitless = 0;
    }
    return Math.max(this.#backoff.next(), refused?.retryAfterMs ?? 0);
  }

  #tell(...change: Parameters<ChangeHandler<T>>): void {
    for (const handler of this.#handlers) {
      try {
        handler(...change);
      } catch (error) {
        this.#options.onError(error);
      }
    }
  }
}
