import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Watchdog } from '../watchdog/watchdog.ts';
import type { StopPolicy } from './machine-config.ts';

/** The program that plays a machine's image, with its whole environment. */
export interface MachineCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Exit {
  /** Exit code; -1 when it could not be started at all, null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Guards the processes of a machine and hears what its program prints. */
export interface ProcessHost {
  readonly watchdog: Watchdog;
  /** Discarded when undefined. */
  readonly onOutput: ((text: string) => void) | undefined;
}

/** One boot of a machine: a child process of ours, which the watchdog keeps from outliving us. */
export class MachineProcess {
  readonly #child: ChildProcess;
  /** Resolves when the process is gone, however it went. */
  readonly exited: Promise<Exit>;

  /** @param cwd working directory; exists */
  constructor({ command, args, env }: MachineCommand, { watchdog, onOutput }: ProcessHost, cwd: string) {
    const stdio = onOutput ? 'pipe' : 'ignore';
    this.#child = watchdog.spawn(command, args, { env, cwd, stdio: ['ignore', stdio, stdio] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => onOutput?.(text));
    }
    this.exited = exitOf(this.#child);
  }

  /** Process id; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Stands still, as in a snapshot, until `thaw`. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Sends the signal, and SIGKILL when the process is still there after the policy's timeout. */
  async stop(policy: StopPolicy): Promise<void> {
    this.#child.ref();
    this.#child.kill(policy.signal);
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), policy.timeoutMs);
    await this.exited;
    clearTimeout(kill);
  }
}

async function exitOf(child: ChildProcess): Promise<Exit> {
  try {
    const [code, signal] = await once(child, 'exit');
    return { code, signal };
  } catch {
    // `error` before `exit`: the program was not found or not allowed to run.
    return { code: -1, signal: null };
  }
}
