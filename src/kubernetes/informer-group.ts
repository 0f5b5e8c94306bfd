import { Informer, type InformerOptions } from './informer.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { Selection } from './list-pages.ts';
import { refOf } from './object-ref.ts';
import type { Resource } from './resource.ts';
import type { ChangeHandler } from './store.ts';

/** What a cache needs from outside. */
export interface CacheOptions extends Omit<InformerOptions<unknown>, 'selection' | 'project'> {
  /** Namespaces to watch; empty means all. */
  readonly namespaces: readonly string[];
}

/** A selection before it is placed in a namespace. */
export type ScopelessSelection = Omit<Selection, 'at'> & { readonly resource: Resource };

/** One cache over the watched namespaces: an informer for each, or a single one when all are watched. */
export class InformerGroup<T> {
  readonly #everywhere: Informer<T> | undefined;
  readonly #byNamespace: ReadonlyMap<string, Informer<T>>;

  constructor(
    { namespaces, ...options }: CacheOptions,
    { resource, ...selection }: ScopelessSelection,
    project: (object: KubernetesObject) => T,
  ) {
    const follow = (namespace?: string) =>
      new Informer({ ...options, selection: { ...selection, at: { resource, namespace } }, project });
    this.#everywhere = namespaces.length === 0 ? follow() : undefined;
    this.#byNamespace = new Map([...new Set(namespaces)].map((namespace) => [namespace, follow(namespace)]));
  }

  get hasSynced(): boolean {
    return this.#all().every((informer) => informer.hasSynced);
  }

  get(key: string): T | undefined {
    return this.#for(refOf(key).namespace)?.get(key);
  }

  list(): T[] {
    return this.#all().flatMap((informer) => informer.list());
  }

  onChange(handler: ChangeHandler<T>): void {
    for (const informer of this.#all()) informer.onChange(handler);
  }

  /** Objects of namespaces that are not watched are ignored. */
  absorb(object: KubernetesObject): void {
    this.#for(object.metadata.namespace ?? '')?.absorb(object);
  }

  start(): void {
    for (const informer of this.#all()) informer.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all().map((informer) => informer.stop()));
  }

  #all(): Informer<T>[] {
    return this.#everywhere === undefined ? [...this.#byNamespace.values()] : [this.#everywhere];
  }

  #for(namespace: string): Informer<T> | undefined {
    return this.#everywhere ?? this.#byNamespace.get(namespace);
  }
}
