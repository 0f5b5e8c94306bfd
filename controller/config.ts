import type { ElectionTiming } from './election-timing.ts';
import { FlagChecks, HOST, IDENTITY, NAMESPACE, OBJECT_NAME } from './flag-checks.ts';
import { type Flags, readFlags } from './flags.ts';
import type { LogLevel } from './log.ts';

/** What the process was told to be; checked as a whole, frozen. */
export interface Config {
  /** Undefined: in a Pod, by its ServiceAccount. */
  readonly kubeconfig: string | undefined;
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  readonly workers: number;
  /** Of a PEM file with certificates trusted besides the system's. */
  readonly caFile: string | undefined;
  /** As `EgressOptions`. */
  readonly egress: { readonly allowHosts: readonly string[]; readonly allowLoopback: boolean };
  /** What one token endpoint is asked at most. */
  readonly provider: { readonly requestsPerSecond: number; readonly concurrency: number };
  /** An https URL without a trailing slash. */
  readonly flyApiUrl: string;
  readonly leaderElection: {
    readonly namespace: string;
    readonly leaseName: string;
    readonly identity: string;
    readonly timing: ElectionTiming;
  };
  /** `host` undefined: every interface. `port` 0: any free one. */
  readonly metricsAddress: { readonly host: string | undefined; readonly port: number };
  readonly logLevel: LogLevel;
}

/** What a process knows of itself besides its flags. */
export interface Self {
  readonly version: string;
  readonly hostname: string;
  /** A fresh random UUID. */
  readonly uuid: string;
  /** Only `POD_NAMESPACE` is read. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Parsed =
  | { readonly kind: 'run'; readonly config: Config }
  | { readonly kind: 'help' | 'version'; readonly text: string }
  /** One sentence per fault: the flag, its value, what to write instead. */
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

/** Reads the arguments (without interpreter and script) and tells every fault there is at once. */
export function parseConfig(argv: readonly string[], self: Self): Parsed {
  const read = readFlags(argv, self.version);
  if (read.kind !== 'flags') return read;
  const faults = [...read.faults];
  const config = check(read.flags, self, faults);
  return faults.length > 0 ? { kind: 'invalid', faults } : { kind: 'run', config };
}

/** Adds what is wrong to `faults`; what it returns is only good when there is nothing. */
function check(flags: Flags, self: Self, faults: string[]): Config {
  const checks = new FlagChecks(faults);
  return deepFreeze({
    kubeconfig: checks.file('--kubeconfig', flags.kubeconfig),
    watchNamespaces: checks.list('--watch-namespaces', flags.watchNamespaces, NAMESPACE),
    workers: checks.count('--workers', flags.workers, 64),
    caFile: checks.file('--ca-file', flags.caFile),
    egress: {
      allowHosts: checks.list('--egress-allow-hosts', flags.egressAllowHosts, HOST),
      allowLoopback: flags.egressAllowLoopback === true,
    },
    provider: {
      requestsPerSecond: checks.count('--provider-qps', flags.providerQps, 1000),
      concurrency: checks.count('--provider-concurrency', flags.providerConcurrency, 64),
    },
    flyApiUrl: checks.url('--fly-api-url', flags.flyApiUrl),
    leaderElection: {
      namespace: checks.leaseNamespace(flags.leaderElectNamespace, self.env.POD_NAMESPACE),
      leaseName: checks.name('--leader-elect-lease-name', flags.leaderElectLeaseName, OBJECT_NAME),
      identity: checks.name('--identity', flags.identity ?? `${self.hostname}_${self.uuid}`, IDENTITY),
      timing: checks.timing(flags),
    },
    metricsAddress: checks.address('--metrics-bind-address', flags.metricsBindAddress),
    logLevel: checks.logLevel(flags.logLevel),
  });
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
