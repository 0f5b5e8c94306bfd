import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Watchdog } from '../watchdog/watchdog.ts';

export interface DaemonOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** File that takes what the process prints; appended to. */
  readonly logPath: string;
  /** True once the process serves; may reject until then. Asked every 50 ms. */
  readonly ready: () => Promise<boolean>;
  /** How long `ready` may take to become true, in ms. */
  readonly deadlineMs: number;
}

/** A server process in the background. */
export interface Daemon {
  /** SIGKILL: nothing here is worth waiting for. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** Halts it for `ms` milliseconds (SIGSTOP, SIGCONT): connections stay open and nothing answers. */
  freeze(ms: number): Promise<void>;
}

const POLL_MS = 50;
const SHOWN_LOG_LINES = 15;

/** Starts a process and waits until it serves. Rejects, with the end of its log, when it does not get there. */
export async function startDaemon(watchdog: Watchdog, options: DaemonOptions): Promise<Daemon> {
  const log = await open(options.logPath, 'a');
  const child = watchdog.spawn(options.command, options.args, {
    // Empty, so that no ETCD_* or proxy variable of the user changes what runs.
    env: {},
    stdio: ['ignore', log.fd, log.fd],
  });
  child.once('error', () => {});
  await log.close();
  try {
    await untilReady(child, options);
  } catch (error) {
    await kill(child);
    throw error;
  }
  return { kill: () => kill(child), freeze: (ms) => freeze(child, ms) };
}

async function freeze(child: ChildProcess, ms: number): Promise<void> {
  child.kill('SIGSTOP');
  await delay(ms);
  child.kill('SIGCONT');
}

async function untilReady(child: ChildProcess, options: DaemonOptions): Promise<void> {
  const deadline = performance.now() + options.deadlineMs;
  while (isAlive(child) && performance.now() < deadline) {
    if (await options.ready().catch(() => false)) return;
    await delay(POLL_MS);
  }
  const what = isAlive(child)
    ? `was not ready within ${options.deadlineMs / 1000} s`
    : 'ended before it was ready';
  const log = await readFile(options.logPath, 'utf8');
  const tail = log.trimEnd().split('\n').slice(-SHOWN_LOG_LINES).join('\n');
  throw new Error(`${options.name} ${what} (${options.command}); its last lines were:\n${tail}`);
}

async function kill(child: ChildProcess): Promise<void> {
  if (!isAlive(child)) return;
  const ended = once(child, 'exit');
  child.ref();
  child.kill('SIGKILL');
  await ended;
}

function isAlive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
