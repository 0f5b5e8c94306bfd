/**
 * A first-in-first-out line from which any key can be withdrawn: a Map keeps insertion order. One iterator is
 * kept for good, because a new one walks over the holes of all keys taken before (quadratic when long).
 */
export class Lane<K, V> {
  readonly #entries = new Map<K, V>();
  #cursor = this.#entries.entries();

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): void {
    this.#entries.set(key, value);
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** The oldest entry, removed. Only for a line that is not empty. */
  take(): [K, V] {
    const next = this.#cursor.next();
    if (next.done) throw new Error('take from an empty line');
    this.#entries.delete(next.value[0]);
    return next.value;
  }
}
