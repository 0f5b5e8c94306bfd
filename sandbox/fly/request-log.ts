import type { Action } from './action.ts';

/** A request that named an endpoint, as answered. */
export interface RequestEntry {
  readonly action: Action;
  readonly app: string;
  /** Machine id; empty for requests to the app itself. */
  readonly machine: string;
  /** HTTP status; 0 when the response was lost. */
  readonly status: number;
  readonly requestId: string;
  readonly atMs: number;
}

/** Every request since the start, refused ones included. */
export class RequestLog {
  readonly #entries: RequestEntry[] = [];
  readonly #listeners = new Set<(entry: RequestEntry) => void>();

  add(entry: RequestEntry): void {
    this.#entries.push(entry);
    for (const listener of this.#listeners) listener(entry);
  }

  /** Tells `listener` every later request, its effect done and its response on the way. Gives what ends that. */
  onAdd(listener: (entry: RequestEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  entries(): readonly RequestEntry[] {
    return this.#entries;
  }

  /** How many requests of an action there were, optionally to one app only. */
  count(action: Action, app?: string): number {
    return this.#entries.filter((entry) => entry.action === action && (!app || entry.app === app)).length;
  }
}
