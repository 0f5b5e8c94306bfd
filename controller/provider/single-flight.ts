/** Joins identical calls: those that come while one is under way get its answer. */
export class SingleFlight<T> {
  readonly #underWay = new Map<string, Promise<T>>();

  /**
   * @param key equal for calls whose answers are interchangeable, and for no others
   * @throws what the one call throws, to all who joined it, also when its own caller broke it off: each of
   *   them tries again by itself, and the first to do so makes the next call
   */
  join(key: string, call: () => Promise<T>): Promise<T> {
    const known = this.#underWay.get(key);
    if (known) return known;
    const answer = call().finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, answer);
    return answer;
  }
}
