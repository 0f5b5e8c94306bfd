import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Watchdog } from './watchdog/watchdog.ts';

export interface ControllerOptions {
  readonly watchdog: Watchdog;
  readonly identity: string;
  readonly args: readonly string[];
  /** Told every line that it prints. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** A controller as a child process. */
export interface ControllerProcess {
  readonly pid: number;
  /** Its name in the Lease. */
  readonly identity: string;
  /** Base URL of `/metrics`, `/healthz` and `/readyz`. */
  readonly metricsUrl: string;
  /** What it has printed so far, the latest 100,000 lines. */
  readonly logLines: readonly string[];
  /** Exit code, or the signal that ended it; settles when it has ended and every line was read. */
  readonly stopped: Promise<number | NodeJS.Signals>;
  /** SIGTERM when absent. No effect once it has ended. */
  kill(signal?: NodeJS.Signals): void;
}

const MAIN = fileURLToPath(new URL('../controller/main.ts', import.meta.url));
const MAX_LINES = 100_000;
const LISTENING_DEADLINE_MS = 30_000;

/**
 * Starts `controller/main.ts` and waits until it says where it listens, which is logged at level info.
 *
 * @throws with its last lines when it ends before that, or takes longer than 30 s
 */
export async function startControllerProcess(options: ControllerOptions): Promise<ControllerProcess> {
  const { watchdog, identity, args, onLine } = options;
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  const child = watchdog.spawn(process.execPath, [MAIN, ...args], { env: {}, stdio: [...stdio] });
  const { pid, stdout, stderr } = child;
  if (pid === undefined || !stdout || !stderr) throw new Error('the controller could not be started');
  const logLines: string[] = [];
  const listening = Promise.withResolvers<string>();
  for (const stream of [stdout, stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      logLines.push(line);
      if (logLines.length > MAX_LINES) logLines.shift();
      onLine?.(line);
      const url = addressIn(line);
      if (url !== undefined) listening.resolve(url);
    });
  }
  const stopped = once(child, 'close').then(([code, signal]) => code ?? signal);
  const kill = (signal: NodeJS.Signals = 'SIGTERM') => void child.kill(signal);
  const refused = stopped.then((code) => {
    throw new Error(`the controller ended (${code}) before it listened:\n${lastLines(logLines)}`);
  });
  const timer = setTimeout(() => kill('SIGKILL'), LISTENING_DEADLINE_MS);
  try {
    const metricsUrl = await Promise.race([listening.promise, refused]);
    return { pid, identity, metricsUrl, logLines, stopped, kill };
  } finally {
    clearTimeout(timer);
    refused.catch(() => {});
  }
}

export function lastLines(lines: readonly string[], count = 15): string {
  return lines.slice(-count).join('\n');
}

function addressIn(line: string): string | undefined {
  if (!line.includes('"listening"')) return undefined;
  try {
    const { msg, host, port } = JSON.parse(line) as { msg?: string; host?: string; port?: number };
    return msg === 'listening' ? `http://${host}:${port}` : undefined;
  } catch {
    return undefined;
  }
}
