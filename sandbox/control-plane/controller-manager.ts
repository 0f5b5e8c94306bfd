import { join } from 'node:path';
import type { Authority } from '../pki.ts';
import type { Watchdog } from '../watchdog/watchdog.ts';
import type { ApiServer } from './api-server.ts';
import { startDaemon } from './daemon.ts';
import { clusterEntry, writeKubeconfig } from './kubeconfig.ts';

export interface ControllerManagerOptions {
  readonly binary: string;
  readonly directory: string;
  readonly apiServer: ApiServer;
  readonly authority: Authority;
}

/** Without them owned objects and namespaces would stay, and ServiceAccounts and the rights of `view` be missing. */
const CONTROLLERS = [
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'clusterrole-aggregation-controller',
];
const READY_DEADLINE_MS = 60_000;

/** Starts kube-controller-manager against a running API server and waits until it works; it ends with the watchdog. */
export async function startControllerManager(
  watchdog: Watchdog,
  { binary, directory, apiServer, authority }: ControllerManagerOptions,
): Promise<void> {
  const user = await authority.issue({ commonName: 'system:kube-controller-manager', client: true });
  const path = join(directory, 'kube-controller-manager.kubeconfig');
  const kubeconfig = await writeKubeconfig(path, {
    cluster: clusterEntry(apiServer.url, authority.certPem),
    user,
  });
  await startDaemon(watchdog, {
    name: 'kube-controller-manager',
    command: binary,
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--controllers=${CONTROLLERS.join(',')}`,
      // Each controller acts with its own ServiceAccount and the rights RBAC gives it, as in a real cluster.
      '--use-service-account-credentials=true',
      '--leader-elect=false',
      '--secure-port=0',
    ],
    logPath: join(directory, 'kube-controller-manager.log'),
    // The first thing that its controllers make.
    ready: () => apiServer.has('/api/v1/namespaces/default/serviceaccounts/default'),
    deadlineMs: READY_DEADLINE_MS,
  });
}
