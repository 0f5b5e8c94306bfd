import type { RandomNumbers } from '../support/random-numbers.ts';

/** Gives all of its cards in a random order, and again in another: none is left out, as chance alone would. */
export class Deck<T> {
  readonly #cards: readonly T[];
  readonly #random: RandomNumbers;
  #left: T[] = [];

  /** @param cards one at least */
  constructor(cards: readonly T[], random: RandomNumbers) {
    this.#cards = cards;
    this.#random = random;
  }

  next(): T {
    if (this.#left.length === 0) this.#left = [...this.#cards];
    const [card] = this.#left.splice(this.#random.whole(0, this.#left.length - 1), 1);
    return card as T;
  }
}
