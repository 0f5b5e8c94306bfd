import { createInterface } from 'node:readline';
import type { BuildPlace, Environment } from './cache.ts';

export interface BuildCommand {
  /** Names the work in the message of a failure, such as `go build of etcd v3.6.16`. */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env: Environment;
  /** Message for when there is no such command: what to do about it. */
  readonly missing: string;
  /** The detail to show for a line that tells how far the work is; undefined for any other line. */
  readonly progressOf?: (line: string) => string | undefined;
}

const KEPT_LINES = 20;

/** Runs a command of a build to its end. Rejects, with the last lines of what it printed, when it fails. */
export async function runBuildCommand(
  { watchdog, progress }: BuildPlace,
  { what, command, args, cwd, env, missing, progressOf = () => undefined }: BuildCommand,
): Promise<void> {
  const child = watchdog.spawn(command, args, {
    ...(cwd !== undefined && { cwd }),
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.ref();
  const ended = new Promise<number | string>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new Error(missing) : error),
    );
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  const tail: string[] = [];
  const note = (line: string) => {
    const detail = progressOf(line);
    if (detail !== undefined) progress.update(detail);
    else tail.push(line);
  };
  const [code] = await Promise.all([ended, eachLine(child.stdout, note), eachLine(child.stderr, note)]);
  if (code !== 0) throw new Error(`${what} failed (${code}):\n${tail.slice(-KEPT_LINES).join('\n')}`);
}

async function eachLine(stream: NodeJS.ReadableStream | null, note: (line: string) => void): Promise<void> {
  if (stream === null) return;
  for await (const line of createInterface({ input: stream })) note(line);
}
