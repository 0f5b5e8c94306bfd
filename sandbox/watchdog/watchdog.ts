import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What the watchdog process is told; `guard` and `forget` carry a process group id. */
export type Order = { guard: number } | { forget: number } | { directory: string };

/** Sees to it that processes and directories do not outlive this process, however it ends (SIGKILL included). */
export interface Watchdog {
  /**
   * Like `child_process.spawn`. The child leads a process group of its own, so that Ctrl-C in a terminal reaches
   * only us and we stop things in order. It does not keep this process alive: `ref()` it to await its end.
   */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Removes the directory when this process is gone, or on `stop`. */
  removeLater(directory: string): void;
  /** Kills every guarded process group, waits for their end and removes the guarded directories. */
  stop(): Promise<void>;
}

/** Starts the watchdog process. It costs one small Node process: share it within one sandbox server. */
export function startWatchdog(): Watchdog {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const dog = spawn(process.execPath, [main], { stdio: ['pipe', 'ignore', 'inherit'], detached: true });
  const children = new Set<ChildProcess>();
  const tell = (order: Order) => dog.stdin.write(`${JSON.stringify(order)}\n`);
  // Without this a killed watchdog would take us down by EPIPE.
  dog.stdin.on('error', () => {});
  dog.unref();
  let stopped = false;

  function guard(child: ChildProcess, pid: number): void {
    children.add(child);
    tell({ guard: pid });
    child.once('exit', () => {
      children.delete(child);
      tell({ forget: pid });
    });
  }

  return {
    spawn(command, args, options = {}) {
      if (stopped) throw new Error(`${command} is not started: everything is being stopped`);
      const child = spawn(command, args, { ...options, detached: true });
      if (child.pid !== undefined) guard(child, child.pid);
      child.unref();
      return child;
    },
    removeLater: (directory) => tell({ directory }),
    async stop() {
      stopped = true;
      await Promise.all([...children].map(killGroup));
      dog.ref();
      dog.stdin.end();
      if (dog.exitCode === null && dog.signalCode === null) await once(dog, 'exit');
    },
  };
}

async function killGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.ref();
  process.kill(-child.pid, 'SIGKILL');
  await ended;
}
