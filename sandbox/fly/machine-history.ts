import { ulid } from './identifier.ts';
import type { Exit } from './machine-process.ts';

/** One entry of a machine's `events`, newest first. */
export interface MachineEvent {
  readonly id: string;
  readonly type: 'launch' | 'update' | 'start' | 'stop' | 'exit' | 'restart' | 'suspend' | 'destroy';
  readonly status: string;
  readonly source: 'user' | 'flyd';
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly request?: object;
}

/** When a machine was made and last changed, and the events of its current version. */
export class MachineHistory {
  readonly #now: () => number;
  readonly createdAtMs: number;
  #updatedAtMs: number;
  #events: readonly MachineEvent[] = [];

  constructor(now: () => number) {
    this.#now = now;
    this.createdAtMs = now();
    this.#updatedAtMs = this.createdAtMs;
  }

  get updatedAtMs(): number {
    return this.#updatedAtMs;
  }

  get events(): readonly MachineEvent[] {
    return this.#events;
  }

  touch(): void {
    this.#updatedAtMs = this.#now();
  }

  add(type: MachineEvent['type'], status: string, source: MachineEvent['source'], request?: object): void {
    const timestamp = this.#now();
    const event = { id: ulid(timestamp), type, status, source, timestamp };
    this.#events = [request ? { ...event, request } : event, ...this.#events];
  }

  /** An end that nobody asked for. @param restarts how often the restart policy has acted, this time included */
  exit({ code, signal }: Exit, status: string, restarts: { restarting: boolean; count: number }): void {
    const exit_event = {
      exit_code: code ?? -1,
      signal: signal ?? -1,
      exited_at: new Date(this.#now()).toISOString(),
      requested_stop: false,
      restarting: restarts.restarting,
      oom_killed: false,
    };
    this.add('exit', status, 'flyd', { exit_event, restart_count: restarts.count });
  }

  /** The list begins anew with every version. */
  restart(): void {
    this.#events = [];
  }
}
