import { join } from 'node:path';
import type { Watchdog } from '../watchdog/watchdog.ts';
import type { Binaries } from './binaries.ts';
import { type Command, command } from './command.ts';
import { type ClusterEntry, writeKubeconfig } from './kubeconfig.ts';

/** A Kubernetes API to work against, whoever runs it. */
export interface Cluster {
  /** URL of the API server. */
  readonly url: string;
  /** Authority that signed its certificate, PEM. */
  readonly caPem: string;
  /** Path of a kubeconfig that may do everything. */
  readonly adminKubeconfig: string;
  /** Path of a kubeconfig that acts as an existing ServiceAccount, with a token (TokenRequest) for a day. */
  kubeconfigFor(account: ServiceAccount): Promise<string>;
  readonly kubectl: Command;
  readonly helm: Command;
}

export interface ServiceAccount {
  readonly namespace: string;
  readonly serviceAccount: string;
}

export interface ClusterSetting {
  readonly watchdog: Watchdog;
  readonly binaries: Binaries<'kubectl' | 'helm'>;
  readonly cluster: ClusterEntry;
  readonly adminKubeconfig: string;
  /** Environment of kubectl and helm. */
  readonly env: NodeJS.ProcessEnv;
  /** Takes the kubeconfigs that are made. */
  readonly directory: string;
}

const TOKEN_LIFETIME = '24h';

/** What can be done with any cluster for which there is an admin kubeconfig. */
export function clusterCommands(
  setting: ClusterSetting,
): Pick<Cluster, 'kubectl' | 'helm' | 'kubeconfigFor' | 'adminKubeconfig'> {
  const { binaries, adminKubeconfig } = setting;
  const toolFor = (binary: string) => command({ ...setting, binary, kubeconfig: adminKubeconfig });
  const kubectl = toolFor(binaries.kubectl);
  return {
    adminKubeconfig,
    kubectl,
    helm: toolFor(binaries.helm),
    async kubeconfigFor({ namespace, serviceAccount }) {
      const args = ['create', 'token', serviceAccount, '-n', namespace, `--duration=${TOKEN_LIFETIME}`];
      const { stdout, stderr, code } = await kubectl(args);
      if (code !== 0)
        throw new Error(`no token for ServiceAccount ${namespace}/${serviceAccount}: ${stderr}`);
      const path = join(setting.directory, `${namespace}.${serviceAccount}.kubeconfig`);
      return writeKubeconfig(path, { cluster: setting.cluster, namespace, user: { token: stdout.trim() } });
    },
  };
}
