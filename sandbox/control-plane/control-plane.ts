import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '../pki.ts';
import { startWatchdog, type Watchdog } from '../watchdog/watchdog.ts';
import { prepareApiServer } from './api-server.ts';
import type { Binaries } from './binaries.ts';
import { type Cluster, clusterCommands } from './cluster.ts';
import { startControllerManager } from './controller-manager.ts';
import { startEtcd } from './etcd.ts';
import { clusterEntry, writeKubeconfig } from './kubeconfig.ts';

export interface ControlPlaneOptions {
  readonly binaries: Binaries;
  /** Kept afterwards, with data and logs; by default a temporary directory that goes on `stop`. */
  readonly dir?: string;
  /** Told in a line what is being started. */
  readonly log?: (line: string) => void;
  /** Further flags of kube-apiserver, such as `--etcd-compaction-interval=10s`. */
  readonly apiServerFlags?: readonly string[];
  /** Ends the start early: it rejects, with nothing left behind. */
  readonly signal?: AbortSignal;
}

/** A cluster whose parts can be stopped and started. It has no nodes: pods stay pending. */
export interface ControlPlane extends Cluster {
  /** Kills kube-apiserver: connections break and are refused until it is started again. */
  stopApiServer(): Promise<void>;
  /** Starts it again at the same URL with the same data, and waits until it serves. */
  startApiServer(): Promise<void>;
  /** Halts kube-apiserver for `ms` milliseconds: connections stay open and nothing answers. */
  freezeApiServer(ms: number): Promise<void>;
  /**
   * Forgets the history of changes: every watch breaks, and watching or paging on from an earlier
   * resourceVersion answers 410 Gone. It restarts kube-apiserver, which would else serve from its memory.
   */
  compact(): Promise<void>;
  /** Ends every process and removes every file of it; what was put into an existing cluster stays. */
  stop(): Promise<void>;
}

/**
 * Starts etcd, kube-apiserver (RBAC on, an authority of its own) and kube-controller-manager, in a few seconds.
 * They end with this process, however it ends.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { signal } = options;
  signal?.throwIfAborted();
  const watchdog = startWatchdog();
  const abort = () => void watchdog.stop();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const directory = options.dir ?? (await mkdtemp(join(tmpdir(), 'control-plane-')));
    if (options.dir === undefined) watchdog.removeLater(directory);
    await mkdir(directory, { recursive: true });
    return await startIn(directory, watchdog, options);
  } catch (error) {
    await watchdog.stop();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

async function startIn(
  directory: string,
  watchdog: Watchdog,
  { binaries, log = () => {}, apiServerFlags = [] }: ControlPlaneOptions,
): Promise<ControlPlane> {
  const authority = await createAuthority('sandbox control plane');
  const admin = await authority.issue({
    commonName: 'admin',
    organizations: ['system:masters'],
    client: true,
  });
  log('starting etcd');
  const etcd = await startEtcd(watchdog, binaries.etcd, directory);
  const apiServer = await prepareApiServer(watchdog, {
    binary: binaries['kube-apiserver'],
    directory,
    etcdUrl: etcd.url,
    authority,
    admin,
    flags: apiServerFlags,
  });
  log('starting kube-apiserver');
  await apiServer.start();
  log('starting kube-controller-manager');
  await startControllerManager(watchdog, {
    binary: binaries['kube-controller-manager'],
    directory,
    apiServer,
    authority,
  });
  const cluster = clusterEntry(apiServer.url, authority.certPem);
  const adminKubeconfig = join(directory, 'admin.kubeconfig');
  await writeKubeconfig(adminKubeconfig, { cluster, user: admin });
  log(`API server ready at ${apiServer.url}`);
  return {
    url: apiServer.url,
    caPem: authority.certPem,
    ...clusterCommands({ watchdog, binaries, cluster, adminKubeconfig, directory, env: { HOME: directory } }),
    startApiServer: apiServer.start,
    stopApiServer: apiServer.stop,
    freezeApiServer: apiServer.freeze,
    async compact() {
      await apiServer.stop();
      await etcd.compact();
      await apiServer.start();
    },
    stop: watchdog.stop,
  };
}
