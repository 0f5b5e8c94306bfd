import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startWatchdog, type Watchdog } from '../watchdog/watchdog.ts';
import type { Binaries } from './binaries.ts';
import type { Environment } from './cache.ts';
import { clusterCommands } from './cluster.ts';
import { command } from './command.ts';
import type { ControlPlane } from './control-plane.ts';
import type { ClusterEntry } from './kubeconfig.ts';

export interface ExistingClusterOptions {
  readonly binaries: Binaries<'kubectl' | 'helm'>;
  /** The user's environment: kubectl finds the current kubeconfig, and its login plugins, by it. */
  readonly env: Environment;
}

/** The part of a minified kubeconfig that we read. */
interface CurrentContext {
  readonly clusters?: readonly { readonly cluster: ClusterEntry }[];
}

/** Works against the current context of the user's kubeconfig instead of a control plane of our own. */
export async function useExistingCluster(options: ExistingClusterOptions): Promise<ControlPlane> {
  const watchdog = startWatchdog();
  try {
    const directory = await mkdtemp(join(tmpdir(), 'existing-cluster-'));
    watchdog.removeLater(directory);
    return await useFrom(directory, watchdog, options);
  } catch (error) {
    await watchdog.stop();
    throw error;
  }
}

async function useFrom(
  directory: string,
  watchdog: Watchdog,
  { binaries, env }: ExistingClusterOptions,
): Promise<ControlPlane> {
  const adminKubeconfig = join(directory, 'admin.kubeconfig');
  const cluster = await copyCurrentContext(adminKubeconfig, watchdog, { binaries, env });
  return {
    url: String(cluster.server),
    caPem: Buffer.from(String(cluster['certificate-authority-data'] ?? ''), 'base64').toString(),
    ...clusterCommands({ watchdog, binaries, cluster, adminKubeconfig, directory, env: { ...env } }),
    stopApiServer: () => refuse('stop its API server'),
    startApiServer: () => refuse('start its API server'),
    freezeApiServer: () => refuse('freeze its API server'),
    compact: () => refuse('compact its etcd'),
    stop: watchdog.stop,
  };
}

/** One self-contained file, so that nothing changes for us when the user switches context meanwhile. */
async function copyCurrentContext(
  path: string,
  watchdog: Watchdog,
  { binaries, env }: ExistingClusterOptions,
): Promise<ClusterEntry> {
  const kubectl = command({
    watchdog,
    binary: binaries.kubectl,
    env: { ...env },
    kubeconfig: env.KUBECONFIG,
  });
  const view = await kubectl(['config', 'view', '--minify', '--flatten', '--raw', '-o', 'json']);
  const context: CurrentContext = view.code === 0 ? JSON.parse(view.stdout) : {};
  const cluster = context.clusters?.[0]?.cluster;
  if (cluster === undefined) {
    throw new Error(
      'USE_EXISTING_CLUSTER is set but kubectl has no current context: set KUBECONFIG, or unset USE_EXISTING_CLUSTER',
    );
  }
  await writeFile(path, view.stdout, { mode: 0o600 });
  return cluster;
}

async function refuse(what: string): Promise<never> {
  throw new Error(
    `cannot ${what}: it is not ours (USE_EXISTING_CLUSTER); unset it to use a control plane of ours`,
  );
}
