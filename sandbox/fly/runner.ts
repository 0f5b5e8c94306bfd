import { setTimeout as pause } from 'node:timers/promises';
import { Boot, freePort } from './boot.ts';
import type { StopPolicy } from './machine-config.ts';
import type { MachineHost } from './machine-host.ts';
import type { Exit } from './machine-process.ts';
import { MachineRoot } from './machine-root.ts';
import type { MachineVersion } from './machine-version.ts';

export interface RunnerOptions {
  readonly host: MachineHost;
  readonly machineId: string;
  readonly onCheck: () => void;
  /** The program ended by itself. */
  readonly onExit: (exit: Exit) => void;
}

const KILL: StopPolicy = { signal: 'SIGKILL', timeoutMs: 0 };

/** Runs a machine's program: at most one process at a time, each in a new root directory. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #root: MachineRoot;
  readonly #disposal = new AbortController();
  #boot: Boot | undefined;
  /** Stands still, in memory. */
  #snapshot: Boot | undefined;
  /** Was asked to end and has not yet. */
  #ending: Boot | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#root = new MachineRoot(options.host.rootsIn, options.machineId);
  }

  /** The current run; undefined while there is none, also while it is frozen. */
  get boot(): Boot | undefined {
    return this.#boot;
  }

  /** @throws when the runner was disposed of meanwhile */
  async launch(version: MachineVersion): Promise<void> {
    const { host, machineId, onCheck, onExit } = this.#options;
    const { signal } = this.#disposal;
    await pause(host.faults.bootDelayMs, undefined, { signal });
    await this.#root.reset();
    const port = await freePort();
    signal.throwIfAborted();
    const boot = new Boot({ host, machineId, version, root: this.#root, port, onCheck });
    this.#boot = boot;
    void boot.exited.then((exit) => {
      if (this.#snapshot === boot) this.#snapshot = undefined;
      if (this.#boot !== boot) return;
      this.#boot = undefined;
      boot.health.stop();
      onExit(exit);
    });
  }

  /** Ends the current run, and a frozen one without asking it. */
  async halt(policy: StopPolicy): Promise<void> {
    const frozen = this.#snapshot;
    const running = this.#boot ?? frozen;
    this.#boot = undefined;
    this.#snapshot = undefined;
    this.#ending = running;
    await running?.halt(frozen ? KILL : policy);
    this.#ending = undefined;
  }

  /** Puts the current run into a snapshot. */
  freeze(): void {
    this.#snapshot = this.#boot;
    this.#boot = undefined;
    this.#snapshot?.freeze();
  }

  /** Resumes from the snapshot; false when there is none. */
  thaw(): boolean {
    if (!this.#snapshot) return false;
    this.#boot = this.#snapshot;
    this.#snapshot = undefined;
    this.#boot.thaw();
    return true;
  }

  /** Kills the process, if any, and never starts one again. */
  async dispose(): Promise<void> {
    this.#disposal.abort();
    await Promise.all([this.#ending?.halt(KILL), this.halt(KILL)]);
    await this.#root.remove();
  }
}
