import type { Product } from './cache.ts';

/** A program the sandbox runs, and how it is built from its Go module. */
export interface Tool extends Product {
  /** Name of the executable, as `KUBEBUILDER_ASSETS` knows it. */
  readonly name: ToolName;
  /** Version we build; programs given by the environment may differ. */
  readonly version: string;
  /** Directory under `go/` whose go.mod pins everything that goes into the program. */
  readonly module: string;
  /** Import path of its main package. */
  readonly mainPackage: string;
  readonly ldflags: string;
}

export type ToolName = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kubectl' | 'helm';

const KUBERNETES = 'v1.37.2';
const STRIP = '-s -w';

/** In the order in which they are built: what starts first, first. */
export const TOOLS: readonly Tool[] = [
  {
    name: 'etcd',
    verb: 'build',
    version: 'v3.6.16',
    module: 'etcd',
    mainPackage: 'go.etcd.io/etcd/server/v3',
    ldflags: STRIP,
  },
  kubernetes('kube-apiserver'),
  kubernetes('kube-controller-manager'),
  kubernetes('kubectl'),
  {
    name: 'helm',
    verb: 'build',
    version: 'v4.3.1',
    module: 'helm',
    mainPackage: 'helm.sh/helm/v4/cmd/helm',
    ldflags: `${STRIP} -X helm.sh/helm/v4/internal/version.version=v4.3.1`,
  },
];

function kubernetes(name: ToolName): Tool {
  return {
    name,
    verb: 'build',
    version: KUBERNETES,
    module: 'kubernetes',
    mainPackage: `k8s.io/kubernetes/cmd/${name}`,
    ldflags: [STRIP, ...kubernetesVersionFlags()].join(' '),
  };
}

/** Kubernetes refuses to work with its development version v0.0.0-master, so the linker sets the real one. */
function kubernetesVersionFlags(): string[] {
  const [, major, minor] = KUBERNETES.match(/^v(\d+)\.(\d+)\./) ?? [];
  const facts = {
    gitVersion: KUBERNETES,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: 'clean',
    gitCommit: 'unknown',
    buildDate: '1970-01-01T00:00:00Z',
  };
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((path) =>
    Object.entries(facts).map(([name, value]) => `-X ${path}.${name}=${value}`),
  );
}
