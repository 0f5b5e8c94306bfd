import { readFile } from 'node:fs/promises';
import { KubeConfig } from '@kubernetes/client-node';
import {
  type ControlPlane,
  type ControlPlaneOptions,
  resolveBinaries,
  startControlPlane,
} from '../../sandbox/control-plane/index.ts';
import { systemClock } from '../../src/clock.ts';
import { connect, type KubernetesClient } from '../../src/kubernetes/client.ts';
import type { CacheOptions } from '../../src/kubernetes/informer-group.ts';

/** A real API server that knows TokenBindings and has a namespace `team-a`. */
export interface LiveCluster {
  readonly plane: ControlPlane;
  readonly client: KubernetesClient;
  readonly cache: CacheOptions;
  /** Runs kubectl in `team-a` and returns what it printed. */
  kubectl(args: string, input?: object): Promise<string>;
  stop(): Promise<void>;
}

export async function startLiveCluster(
  options: Pick<ControlPlaneOptions, 'apiServerFlags'> = {},
): Promise<LiveCluster> {
  const binaries = await resolveBinaries(process.env, { progress: process.stderr });
  const plane = await startControlPlane({ ...options, binaries });
  const kubectl = async (args: string, input?: object) => {
    const options = input === undefined ? {} : { input: JSON.stringify(input) };
    const { code, stdout, stderr } = await plane.kubectl(['-n', 'team-a', ...args.split(' ')], options);
    if (code !== 0) throw new Error(`kubectl ${args}: ${stderr}`);
    return stdout;
  };
  await kubectl('apply -f crds/tokenbindings.tokenbinding.erauner.dev.yaml');
  await kubectl('wait --for=condition=Established crd/tokenbindings.tokenbinding.erauner.dev');
  await kubectl('create namespace team-a');
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(await readFile(plane.adminKubeconfig, 'utf8'));
  const client = connect(kubeConfig, { deadlineMs: 10_000, userAgent: 'test' });
  const stop = async () => {
    await client.close();
    await plane.stop();
  };
  const cache = { client, namespaces: ['team-a'], clock: systemClock, random: () => 0.5, onError: () => {} };
  return { plane, client, cache, kubectl, stop };
}
