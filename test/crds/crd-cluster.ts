import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { ApiException, CustomObjectsApi, KubeConfig } from '@kubernetes/client-node';
import { resolveBinaries, startControlPlane } from '../../sandbox/control-plane/index.ts';
import type { BindingManifest } from './binding-manifest.ts';

/** A real API server that knows TokenBindings; no controller runs. */
export interface CrdCluster {
  /** What the API server says against a new object, or undefined when it would take it. Nothing is stored. */
  refusal(manifest: BindingManifest): Promise<string | undefined>;
  create(manifest: BindingManifest): Promise<BindingManifest>;
  /** Writes the status of an object and returns what was stored. */
  putStatus(manifest: BindingManifest, status: object): Promise<BindingManifest>;
  /** What kubectl says, on either output, in one line of single spaces. */
  kubectl(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

const PLACE = {
  group: 'tokenbinding.erauner.dev',
  version: 'v1alpha1',
  namespace: 'default',
  plural: 'tokenbindings',
};

export async function startCrdCluster(): Promise<CrdCluster> {
  const binaries = await resolveBinaries(process.env, { progress: process.stderr });
  const plane = await startControlPlane({ binaries });
  const kubectl = async (...args: string[]) => {
    const { stdout, stderr } = await plane.kubectl(args);
    return (stdout + stderr).replaceAll(/\s+/g, ' ').trim();
  };
  await kubectl('apply', '-f', 'crds/');
  await kubectl('wait', '--for=condition=Established', 'crd/tokenbindings.tokenbinding.erauner.dev');
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(await readFile(plane.adminKubeconfig, 'utf8'));
  const api = kubeConfig.makeApiClient(CustomObjectsApi);
  return {
    refusal: (body) =>
      api
        .createNamespacedCustomObject({ ...PLACE, body, dryRun: 'All', fieldValidation: 'Strict' })
        .then(() => undefined, messageOf),
    create: (body) => api.createNamespacedCustomObject({ ...PLACE, body, fieldValidation: 'Strict' }),
    putStatus: ({ metadata, ...rest }, status) => {
      const body = { ...rest, metadata, status };
      const strict = { fieldValidation: 'Strict' };
      return api.replaceNamespacedCustomObjectStatus({ ...PLACE, name: metadata.name, body, ...strict });
    },
    kubectl,
    stop: () => plane.stop(),
  };
}

function messageOf(error: unknown): string {
  assert.ok(error instanceof ApiException, String(error));
  const status: { message: string } = JSON.parse(String(error.body));
  return status.message;
}
