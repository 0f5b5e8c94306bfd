import { EventEmitter } from 'node:events';
import { MachineHistory } from './machine-history.ts';
import { isTransient, type MachineState } from './machine-state.ts';
import type { MachineVersion } from './machine-version.ts';

/** What reads and waits see of a machine. */
export interface MachineFace {
  readonly version: MachineVersion;
  readonly state: MachineState;
  /** Every version that there was, the latest made first: one that was taken back stays before the current one. */
  readonly versions: readonly MachineVersion[];
}

/** What there is to see of a machine: its version and state, and how they look from outside. */
export class MachineStatus {
  /** Emits `change` on every change of state, version or check. */
  readonly changes = new EventEmitter().setMaxListeners(0);
  readonly history: MachineHistory;
  #version: MachineVersion;
  #versions: readonly MachineVersion[];
  #state: MachineState;
  #pinned: MachineState | undefined;
  /** What is still seen although it has changed. */
  #past: MachineFace | undefined;

  constructor(now: () => number, version: MachineVersion, state: MachineState) {
    this.history = new MachineHistory(now);
    this.history.add('launch', state, 'user');
    this.#version = version;
    this.#versions = [version];
    this.#state = state;
  }

  get version(): MachineVersion {
    return this.#version;
  }

  /** Every version so far, the latest made first. */
  get versions(): readonly MachineVersion[] {
    return this.#versions;
  }

  get state(): MachineState {
    return this.#pinned ?? this.#state;
  }

  /** True between two resting states. */
  get changing(): boolean {
    return isTransient(this.state);
  }

  get face(): MachineFace {
    return this.#past ?? { version: this.#version, state: this.state, versions: this.#versions };
  }

  protected enter(state: MachineState): void {
    this.#state = state;
    this.#touch();
  }

  protected hold(version: MachineVersion): void {
    this.#version = version;
    this.#versions = withVersion(this.#versions, version);
    this.#touch();
  }

  /** Shows `state` until it is called with undefined, whatever really happens. */
  pin(state: MachineState | undefined): void {
    this.#pinned = state;
    this.#touch();
  }

  /** For `lagMs` the outside sees what there is now, however it changes. */
  protected lag(lagMs: number): void {
    if (lagMs === 0) return;
    this.#past = this.face;
    setTimeout(() => {
      this.#past = undefined;
      this.changes.emit('change');
    }, lagMs).unref();
  }

  #touch(): void {
    this.history.touch();
    this.changes.emit('change');
  }
}

/** One that is there already may have other metadata by now. */
function withVersion(
  versions: readonly MachineVersion[],
  version: MachineVersion,
): readonly MachineVersion[] {
  const { instanceId } = version;
  const isKnown = versions.some((each) => each.instanceId === instanceId);
  if (!isKnown) return [version, ...versions];
  return versions.map((each) => (each.instanceId === instanceId ? version : each));
}
