import type { KubernetesObject } from './kubernetes-object.ts';
import type { Snapshot } from './list-pages.ts';
import { keyOf } from './object-ref.ts';
import type { WatchEvent } from './watch-stream.ts';

/**
 * Told after the cache changed: `previous` undefined = new, `current` undefined = gone. An object that was
 * deleted and created anew is told as both, one after the other.
 *
 * @param own whether the change came from a write of this process (`absorb`)
 */
export type ChangeHandler<T> = (
  key: string,
  previous: T | undefined,
  current: T | undefined,
  own: boolean,
) => void;

/** A cached object with what decides which of two views of it is the later one. */
export interface Entry<T> {
  readonly key: string;
  readonly uid: string;
  readonly version: bigint;
  readonly object: T;
}

export function toEntry<T>(raw: KubernetesObject, project: (raw: KubernetesObject) => T): Entry<T> {
  const { uid, resourceVersion } = raw.metadata;
  return { key: keyOf(raw.metadata), uid, version: BigInt(resourceVersion), object: project(raw) };
}

/**
 * Objects by key, fed by a list, a watch and our own writes, which overtake each other: of two views of an
 * object the one with the higher resourceVersion stays, whatever order they came in. Except that a list is
 * the truth as of its moment, also when its numbers are lower (an etcd restored from a backup).
 */
export class Store<T> {
  readonly #project: (raw: KubernetesObject) => T;
  readonly #notify: ChangeHandler<T>;
  readonly #entries = new Map<string, Entry<T>>();
  /** Keys written by us since a list was begun: the list may not show them yet. */
  readonly #absorbed = new Set<string>();
  /** How far the watch has told everything. */
  #seen = -1n;

  constructor(project: (raw: KubernetesObject) => T, notify: ChangeHandler<T>) {
    this.#project = project;
    this.#notify = notify;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key)?.object;
  }

  list(): T[] {
    return Array.from(this.#entries.values(), (entry) => entry.object);
  }

  /** Call before a list is requested, so that `replace` knows which writes it may have missed. */
  beginList(): void {
    this.#absorbed.clear();
  }

  /** Makes the cache what the list shows. */
  replace(snapshot: Snapshot<Entry<T>>): void {
    const moment = BigInt(snapshot.resourceVersion);
    const gone = new Set(this.#entries.keys());
    for (const entry of snapshot.items) {
      gone.delete(entry.key);
      if (!this.#writtenAfter(entry.key, entry.version)) this.#put(entry, false);
    }
    for (const key of gone) if (!this.#writtenAfter(key, moment)) this.#remove(key);
    this.#seen = moment;
  }

  /** Takes one event of the watch. */
  observe(event: WatchEvent): void {
    const version = BigInt(event.object.metadata.resourceVersion);
    this.#seen = version;
    if (event.type === 'BOOKMARK') return;
    const key = keyOf(event.object.metadata);
    const known = this.#entries.get(key);
    if (event.type === 'DELETED') {
      // Equal counts: the event of an object that left the selection carries the version of the write.
      if (known !== undefined && version >= known.version) this.#remove(key);
    } else if (known === undefined || version > known.version) {
      this.#put(toEntry(event.object, this.#project), false);
    }
  }

  /**
   * Takes what the API server answered to a write of ours, so that nothing acts on a view older than it.
   * It is told to handlers: it may carry somebody else's change, whose own event then looks old.
   */
  absorb(raw: KubernetesObject): void {
    const entry = toEntry(raw, this.#project);
    const known = this.#entries.get(entry.key);
    // The watch has told everything up to `seen`: an older object that is not here has been deleted since.
    if (entry.version <= (known?.version ?? this.#seen)) return;
    this.#absorbed.add(entry.key);
    this.#put(entry, true);
  }

  #writtenAfter(key: string, version: bigint): boolean {
    return this.#absorbed.has(key) && (this.#entries.get(key)?.version ?? -1n) > version;
  }

  #put(entry: Entry<T>, own: boolean): void {
    const known = this.#entries.get(entry.key);
    if (known?.uid === entry.uid && known.version === entry.version) return;
    this.#entries.set(entry.key, entry);
    const recreated = known !== undefined && known.uid !== entry.uid;
    if (recreated) this.#notify(entry.key, known.object, undefined, own);
    this.#notify(entry.key, recreated ? undefined : known?.object, entry.object, own);
  }

  #remove(key: string): void {
    const known = this.#entries.get(key);
    this.#entries.delete(key);
    this.#notify(key, known?.object, undefined, false);
  }
}
