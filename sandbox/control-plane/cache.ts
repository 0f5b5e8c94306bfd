import { access, constants, mkdir, mkdtemp, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type LockOptions, lock } from 'proper-lockfile';
import { startWatchdog, type Watchdog } from '../watchdog/watchdog.ts';
import { type ProgressStream, type ProgressTask, showProgress } from './progress.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** An executable or a directory that is made once and kept. */
export interface Product {
  /** Name of the file or directory. */
  readonly name: string;
  readonly version: string;
  /** How progress calls the making. */
  readonly verb: 'build' | 'install';
}

export interface BuildPlace {
  /** Exists; what is left in it is thrown away. */
  readonly directory: string;
  /** Ends what the build starts when we are killed. */
  readonly watchdog: Watchdog;
  readonly progress: ProgressTask;
}

/** Makes `<place.directory>/<product.name>`. */
export type Build<P extends Product> = (product: P, place: BuildPlace) => Promise<void>;

export interface CacheOptions<P extends Product> {
  /** Holds the one product and, beside it, its lock. */
  readonly directory: string;
  readonly build: Build<P>;
  readonly progress: ProgressStream;
  /** After this silence the holder of the lock counts as dead. At least 2000 ms, 10 s by default. */
  readonly lockStaleMs?: number;
  /** Ends a build early: it rejects, with nothing left behind. */
  readonly signal?: AbortSignal;
}

/** Directory of everything that is kept: `$XDG_CACHE_HOME`, or `~/.cache`, and our name. */
export function cacheRoot(env: Environment): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tokenbinding-controller');
}

/** Path of the product, made when it is not there. Any number of processes may ask at once. */
export async function cached<P extends Product>(product: P, options: CacheOptions<P>): Promise<string> {
  const path = join(options.directory, product.name);
  if (await isExecutable(path)) return path;
  await mkdir(options.directory, { recursive: true });
  const release = await acquire(product, options);
  try {
    if (!(await isExecutable(path))) await buildInto(path, product, options);
  } finally {
    // Fails only for a lock that others took over while we were suspended; the rename is atomic all the same.
    await release().catch(() => {});
  }
  return path;
}

/** Also true of a directory that we may enter. */
export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Built elsewhere and renamed, so that `path` is always absent or complete. */
async function buildInto<P extends Product>(
  path: string,
  product: P,
  { directory, build, progress, signal }: CacheOptions<P>,
): Promise<void> {
  signal?.throwIfAborted();
  const { name, version, verb } = product;
  const task = showProgress(progress, `${verb}ing ${name} ${version} (once; kept in the cache)`);
  const watchdog = startWatchdog();
  const abort = () => void watchdog.stop();
  signal?.addEventListener('abort', abort, { once: true });
  const workplace = await mkdtemp(join(directory, 'build-'));
  watchdog.removeLater(workplace);
  try {
    await build(product, { directory: workplace, watchdog, progress: task });
    await rename(join(workplace, name), path);
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

async function acquire<P extends Product>(
  { name, version, verb }: P,
  { directory, progress, lockStaleMs = 10_000 }: CacheOptions<P>,
) {
  const options: LockOptions = { stale: lockStaleMs, onCompromised: () => {} };
  try {
    return await lock(directory, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
  }
  const task = showProgress(progress, `waiting for another run that ${verb}s ${name} ${version}`);
  const release = await lock(directory, {
    ...options,
    retries: { forever: true, factor: 1, minTimeout: 500, maxTimeout: 500 },
  });
  task.end('done');
  return release;
}
