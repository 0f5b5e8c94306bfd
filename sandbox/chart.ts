import { fileURLToPath } from 'node:url';
import type { Cluster, CommandResult, ServiceAccount } from './control-plane/index.ts';

/** Values over the chart's own. */
export type ChartValues = Readonly<Record<string, unknown>>;

/** What the chart's Deployment would run in a Pod. */
export interface InstalledChart {
  readonly account: ServiceAccount;
  /** Flags of the container, `$(POD_NAME)` and `$(POD_NAMESPACE)` not yet replaced. */
  readonly args: readonly string[];
}

interface Deployment {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly serviceAccountName: string;
        readonly containers: readonly { readonly args: readonly string[] }[];
      };
    };
  };
}

const CHART = fileURLToPath(new URL('../charts/tokenbinding', import.meta.url));
const RELEASE = 'tokenbinding';
const CRD = 'crd/tokenbindings.tokenbinding.erauner.dev';
export const CHART_NAMESPACE = 'tokenbinding-system';
const NAMESPACE_FLAG = `--namespace=${CHART_NAMESPACE}`;

/**
 * `helm install` of the controller's chart into `CHART_NAMESPACE`, which must be there.
 *
 * @throws when helm refuses, as it does when the release or the CRD is there already
 */
export async function installChart({ helm, kubectl }: Cluster, values: ChartValues): Promise<InstalledChart> {
  const input = JSON.stringify(values);
  succeed('helm install', await helm(['install', RELEASE, CHART, NAMESPACE_FLAG, '--values=-'], { input }));
  succeed('the CRD', await kubectl(['wait', '--for=condition=Established', CRD, '--timeout=30s']));
  const get = ['get', 'deployment', RELEASE, NAMESPACE_FLAG, '--output=json'];
  const deployment: Deployment = JSON.parse(succeed('the Deployment', await kubectl(get)));
  const { serviceAccountName: serviceAccount, containers } = deployment.spec.template.spec;
  return { account: { namespace: CHART_NAMESPACE, serviceAccount }, args: containers[0]?.args ?? [] };
}

/** Takes the release out again; what the chart keeps stays. */
export async function uninstallChart({ helm }: Cluster): Promise<void> {
  succeed('helm uninstall', await helm(['uninstall', RELEASE, NAMESPACE_FLAG, '--wait']));
}

function succeed(what: string, { stdout, stderr, code }: CommandResult): string {
  if (code !== 0) throw new Error(`${what} failed: ${stderr.trim()}`);
  return stdout;
}
