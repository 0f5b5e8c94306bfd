import { ApiError } from '../../src/kubernetes/api-error.ts';
import { connect, type KubernetesClient } from '../../src/kubernetes/client.ts';
import { Informer } from '../../src/kubernetes/informer.ts';
import type { KubernetesObject } from '../../src/kubernetes/kubernetes-object.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Collection } from './collection.ts';
import { until } from './until.ts';

/** An informer on a fake clock that follows a stand-in collection; of an object it keeps the version. */
export class Follower {
  readonly collection: Collection;
  readonly clock = new FakeClock();
  readonly informer: Informer<string>;
  /** What handlers were told: `+ns/a@1` came, `-ns/a@1` went, `ns/a@1→2` changed. */
  readonly told: string[] = [];
  /** Reasons of the failures so far. */
  readonly failures: string[] = [];
  /** When a list or a watch was asked for, in milliseconds of the clock since the start. */
  readonly askedAt = { list: [] as number[], watch: [] as number[] };
  readonly #client: KubernetesClient;

  static async create(): Promise<Follower> {
    return new Follower(await Collection.start());
  }

  constructor(collection: Collection) {
    this.collection = collection;
    this.#client = connect(collection.server.kubeConfig, { deadlineMs: 5_000, userAgent: 'test' });
    this.informer = new Informer<string>({
      client: this.#timed(),
      selection: {
        at: { resource: { apiVersion: 'example.dev/v1', plural: 'things' }, namespace: 'ns' },
        labelSelector: 'a=b',
      },
      project: ({ metadata }) => metadata.resourceVersion,
      clock: this.clock,
      random: () => 0,
      onError: (error) => this.failures.push(error instanceof ApiError ? error.reason : String(error)),
    });
    this.informer.onChange((key, previous, current) => this.told.push(inWords(key, previous, current)));
  }

  /** Starts over a collection of these objects, until the watch is open. */
  async follow(...items: KubernetesObject[]): Promise<void> {
    this.collection.items = items;
    this.informer.start();
    await this.watching(1);
  }

  /** Starts, until that many failures have happened and the next attempt is being waited for. */
  async fail(count = 1): Promise<void> {
    this.informer.start();
    await until(() => this.failures.length === count && this.clock.timers > 0, `failure ${count}`);
  }

  /** Resolves once a watch is open that is the `count`th one asked for. */
  async watching(count: number): Promise<void> {
    const { collection } = this;
    await until(() => collection.seen('watch').length === count && collection.streams.length === 1);
  }

  /** Resolves once handlers were told that many times. */
  async hears(count: number): Promise<void> {
    await until(() => this.told.length === count, `${count} changes told`);
  }

  /** The resourceVersion from which the last watch was asked for. */
  position(): string | null | undefined {
    return this.collection.seen('watch').at(-1)?.query.get('resourceVersion');
  }

  /** The client, with the time of each request taken down. */
  #timed(): KubernetesClient {
    const { clock, askedAt } = this;
    const client = this.#client;
    const startedAt = clock.monotonic();
    return {
      call(call) {
        askedAt.list.push(clock.monotonic() - startedAt);
        return client.call(call);
      },
      stream(call) {
        askedAt.watch.push(clock.monotonic() - startedAt);
        return client.stream(call);
      },
      close: () => client.close(),
    };
  }

  async end(): Promise<void> {
    await this.informer.stop();
    await this.#client.close();
    await this.collection.server.stop();
  }
}

function inWords(key: string, previous: string | undefined, current: string | undefined): string {
  if (previous === undefined) return `+${key}@${current}`;
  return current === undefined ? `-${key}@${previous}` : `${key}@${previous}→${current}`;
}
