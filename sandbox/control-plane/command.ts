import { text } from 'node:stream/consumers';
import type { Watchdog } from '../watchdog/watchdog.ts';

export interface CommandOptions {
  /** Text for standard input. */
  readonly input?: string;
  /** Path; the admin's by default. */
  readonly kubeconfig?: string;
  /** The command is killed after this time; 120,000 ms by default. */
  readonly deadlineMs?: number;
}

/** How a command ended. A failure is no exception: look at `code`. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code; 137 when it was killed at its deadline. */
  readonly code: number;
}

export type Command = (args: readonly string[], options?: CommandOptions) => Promise<CommandResult>;

export interface CommandSetting {
  readonly watchdog: Watchdog;
  readonly binary: string;
  /** Kubeconfig for calls that name none; without it the command finds the user's. */
  readonly kubeconfig: string | undefined;
  /** Environment of the command, but for KUBECONFIG. */
  readonly env: NodeJS.ProcessEnv;
}

const DEADLINE_MS = 120_000;
const KILLED = 137;

/** `kubectl` or `helm` against one cluster. */
export function command({ watchdog, binary, kubeconfig, env }: CommandSetting): Command {
  return async (args, options = {}) => {
    const child = watchdog.spawn(binary, args, {
      env: { ...env, KUBECONFIG: options.kubeconfig ?? kubeconfig },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null || stderr === null) throw new Error(`${binary} got no pipes`);
    child.ref();
    const timer = setTimeout(() => child.kill('SIGKILL'), options.deadlineMs ?? DEADLINE_MS);
    // A command that does not read its input may have closed it already.
    stdin.on('error', () => {});
    stdin.end(options.input ?? '');
    const code = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode) => resolve(exitCode ?? KILLED));
    });
    try {
      const [out, err, exitCode] = await Promise.all([text(stdout), text(stderr), code]);
      return { stdout: out, stderr: err, code: exitCode };
    } finally {
      clearTimeout(timer);
    }
  };
}
