import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import type { Watchdog } from '../watchdog/watchdog.ts';
import { refusal } from './api-error.ts';
import type { MachineRoot } from './machine-root.ts';

/** A command to be run inside a machine, next to its program. */
export interface ExecRequest {
  /** Program and arguments; an argument that is an absolute path means one of the machine. */
  readonly command: readonly string[];
  readonly stdin: string;
  readonly timeoutMs: number;
}

/** How it ended: never the HTTP status tells, which is 200. */
export interface ExecResult {
  readonly exit_code: number;
  /** 0 when no signal ended it. */
  readonly exit_signal: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecPlace {
  readonly root: MachineRoot;
  readonly env: Readonly<Record<string, string>>;
  readonly watchdog: Watchdog;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What a shell says of a program that is not there. */
const NOT_FOUND = 127;

/**
 * @param gone aborts when the machine's own program is gone
 * @throws ApiError 408 when the command was still running at its timeout, 500 when the machine went away under it;
 *   either way it is killed, and may have done its work
 */
export async function execute(
  place: ExecPlace,
  request: ExecRequest,
  gone: AbortSignal,
): Promise<ExecResult> {
  const child = spawnIn(place, request);
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw refusal(500, 'internal: no pipes');
  const cut = AbortSignal.any([gone, AbortSignal.timeout(request.timeoutMs)]);
  const kill = () => killGroup(child.pid);
  cut.addEventListener('abort', kill);
  // A command that does not read its input is no failure.
  stdin.on('error', () => {});
  stdin.end(request.stdin);
  const [ending, out, err] = await Promise.all([endOf(child), text(stdout), text(stderr)]);
  cut.removeEventListener('abort', kill);
  if (gone.aborted) throw refusal(500, 'internal: machine stopped while the command was running');
  if (cut.aborted) throw refusal(408, 'deadline_exceeded: command did not end within its timeout');
  const exit_signal = ending.signal ? constants.signals[ending.signal] : 0;
  return { exit_code: ending.code ?? 128 + exit_signal, exit_signal, stdout: out, stderr: err };
}

function spawnIn({ root, env, watchdog }: ExecPlace, { command }: ExecRequest): ChildProcess {
  const [program = '', ...args] = command;
  const located = args.map((arg) => root.locate(arg));
  return watchdog.spawn(program, located, {
    cwd: root.path,
    env: { PATH: DEFAULT_PATH, ...env },
    stdio: 'pipe',
  });
}

function endOf(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: NOT_FOUND, signal: null }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

/** The whole group: what the command started must not hold its pipes open. */
function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
