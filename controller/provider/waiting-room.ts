import { type Ask, compareAsks } from './ask.ts';

/** How long after its turn a place is kept, in ms: a run may stand in the queue for a moment. */
const PATIENCE_MS = 5_000;

interface Place {
  readonly ask: Ask;
  /** Lower is longer waiting. */
  readonly ticket: number;
  /** Monotonic ms. */
  readonly turnAt: number;
}

/**
 * Who waits for a turn at a provider. Nobody stands here: those who wait rest, and come back when they were
 * told to. One that does not come back (suspended, changed) loses its place, so that it blocks nobody long.
 */
export class WaitingRoom {
  readonly #places = new Map<string, Place>();
  #tickets = 0;

  get size(): number {
    return this.#places.size;
  }

  /** How many go before this one: more pressing, or as pressing and longer waiting. */
  ahead(ask: Ask, now: number): number {
    const own = this.#places.get(ask.key);
    let ahead = 0;
    for (const place of this.#places.values()) {
      if (place.turnAt + PATIENCE_MS < now) this.#places.delete(place.ask.key);
      else if (place !== own && goesBefore(place, ask, own?.ticket)) ahead += 1;
    }
    return ahead;
  }

  /** Takes a place, or keeps it with a new turn. */
  wait(ask: Ask, turnAt: number): void {
    const ticket = this.#places.get(ask.key)?.ticket ?? this.#tickets++;
    this.#places.set(ask.key, { ask, ticket, turnAt });
  }

  leave(key: string): void {
    this.#places.delete(key);
  }
}

/** @param ticket undefined for a newcomer, who stands behind his equals */
function goesBefore(place: Place, ask: Ask, ticket = Number.POSITIVE_INFINITY): boolean {
  const order = compareAsks(place.ask, ask);
  return order < 0 || (order === 0 && place.ticket < ticket);
}
