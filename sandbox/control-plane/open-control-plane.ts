import { resolveBinaries } from './binaries.ts';
import type { Environment } from './cache.ts';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './control-plane.ts';
import { useExistingCluster } from './existing-cluster.ts';
import type { ProgressStream } from './progress.ts';

export interface OpenOptions extends Omit<ControlPlaneOptions, 'binaries'> {
  /** Where progress of builds is shown. */
  readonly progress: ProgressStream;
}

/**
 * The control plane that the environment asks for: the current kubeconfig's with `USE_EXISTING_CLUSTER=true` (as
 * for controller-runtime's envtest), else one of our own, whose programs are found or built first.
 */
export async function openControlPlane(env: Environment, options: OpenOptions): Promise<ControlPlane> {
  if (env.USE_EXISTING_CLUSTER !== 'true') {
    return startControlPlane({ ...options, binaries: await resolveBinaries(env, options) });
  }
  const binaries = await resolveBinaries(env, { progress: options.progress, only: ['kubectl', 'helm'] });
  return useExistingCluster({ binaries, env });
}
