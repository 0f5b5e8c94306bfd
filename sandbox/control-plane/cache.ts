import { access, constants, mkdir, mkdtemp, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type LockOptions, lock } from 'proper-lockfile';
import { startWatchdog, type Watchdog } from '../watchdog/watchdog.ts';
import { type ProgressStream, type ProgressTask, showProgress } from './progress.ts';
import type { Tool } from './tools.ts';

export interface BuildPlace {
  /** Exists; what is left in it is thrown away. */
  readonly directory: string;
  /** Ends what the build starts when we are killed. */
  readonly watchdog: Watchdog;
  readonly progress: ProgressTask;
}

/** Makes the executable `<place.directory>/<tool.name>`. */
export type Build = (tool: Tool, place: BuildPlace) => Promise<void>;

export interface CacheOptions {
  /** Holds the one executable and, beside it, its lock. */
  readonly directory: string;
  readonly build: Build;
  readonly progress: ProgressStream;
  /** After this silence the holder of the lock counts as dead. At least 2000 ms, 10 s by default. */
  readonly lockStaleMs?: number;
  /** Ends a build early: it rejects, with nothing left behind. */
  readonly signal?: AbortSignal;
}

/** Path of the executable of `tool`, built when it is not there. Any number of processes may ask at once. */
export async function cachedBinary(tool: Tool, options: CacheOptions): Promise<string> {
  const path = join(options.directory, tool.name);
  if (await isExecutable(path)) return path;
  await mkdir(options.directory, { recursive: true });
  const release = await acquire(tool, options);
  try {
    if (!(await isExecutable(path))) await buildInto(path, tool, options);
  } finally {
    // Fails only for a lock that others took over while we were suspended; the rename is atomic all the same.
    await release().catch(() => {});
  }
  return path;
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Built elsewhere and renamed, so that `path` is always absent or complete. */
async function buildInto(
  path: string,
  tool: Tool,
  { directory, build, progress, signal }: CacheOptions,
): Promise<void> {
  signal?.throwIfAborted();
  const task = showProgress(progress, `building ${tool.name} ${tool.version} (once; kept in the cache)`);
  const watchdog = startWatchdog();
  const abort = () => void watchdog.stop();
  signal?.addEventListener('abort', abort, { once: true });
  const workplace = await mkdtemp(join(directory, 'build-'));
  watchdog.removeLater(workplace);
  try {
    await build(tool, { directory: workplace, watchdog, progress: task });
    await rename(join(workplace, tool.name), path);
    task.end('done');
  } catch (error) {
    task.end(signal?.aborted ? 'stopped' : 'failed');
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    await watchdog.stop();
  }
}

async function acquire(tool: Tool, { directory, progress, lockStaleMs = 10_000 }: CacheOptions) {
  const options: LockOptions = { stale: lockStaleMs, onCompromised: () => {} };
  try {
    return await lock(directory, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
  }
  const task = showProgress(progress, `waiting for another run that builds ${tool.name} ${tool.version}`);
  const release = await lock(directory, {
    ...options,
    retries: { forever: true, factor: 1, minTimeout: 500, maxTimeout: 500 },
  });
  task.end('done');
  return release;
}
