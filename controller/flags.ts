import { Command, CommanderError } from 'commander';
import { DEFAULT_TIMING } from './election-timing.ts';
import { LOG_LEVELS } from './log.ts';

const DEFAULTS = {
  lease: `${DEFAULT_TIMING.leaseDurationMs / 1000}s`,
  renew: `${DEFAULT_TIMING.renewDeadlineMs / 1000}s`,
  retry: `${DEFAULT_TIMING.retryPeriodMs / 1000}s`,
};

const FOOTER = `
Times are numbers with units: 500ms, 15s, 1m30s, 1h. All flags are checked before anything starts.

Examples:
  In a Pod, for two namespaces, calling nothing but one Auth0 tenant and Fly.io:
    tokenbinding-controller --watch-namespaces team-a,team-b \\
      --egress-allow-hosts acme.eu.auth0.com,api.machines.dev
  From a checkout, against the current cluster:
    tokenbinding-controller --kubeconfig ~/.kube/config --leader-elect-namespace default --log-level debug`;

/** The flags as typed, not yet checked. Absent ones without a default are undefined. */
export interface Flags {
  readonly kubeconfig?: string;
  readonly watchNamespaces: string;
  readonly workers: string;
  readonly caFile?: string;
  readonly egressAllowHosts: string;
  readonly egressAllowLoopback?: boolean;
  readonly providerQps: string;
  readonly providerConcurrency: string;
  readonly flyApiUrl: string;
  readonly leaderElectNamespace?: string;
  readonly leaderElectLeaseName: string;
  readonly leaderElectLeaseDuration: string;
  readonly leaderElectRenewDeadline: string;
  readonly leaderElectRetryPeriod: string;
  readonly identity?: string;
  readonly metricsBindAddress: string;
  readonly logLevel: string;
}

export type ReadFlags =
  | { readonly kind: 'flags'; readonly flags: Flags; readonly faults: readonly string[] }
  | { readonly kind: 'help' | 'version'; readonly text: string };

/** Reads the arguments (without interpreter and script). What is no flag of ours is a fault, and all are told. */
export function readFlags(argv: readonly string[], version: string): ReadFlags {
  let text = '';
  const command = define(version).configureOutput({
    writeOut: (part) => {
      text += part;
    },
    writeErr: () => {},
    getOutHelpWidth: () => 110,
  });
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.version') return { kind: 'version', text };
    if (error.code === 'commander.helpDisplayed') return { kind: 'help', text };
    return withoutLast(argv, version);
  }
  return { kind: 'flags', flags: command.opts<Flags>(), faults: command.args.flatMap(strange) };
}

/** Every value is taken as it stands, so the parser stops at one thing only: a last flag without its value. */
function withoutLast(argv: readonly string[], version: string): ReadFlags {
  const rest = readFlags(argv.slice(0, -1), version);
  if (rest.kind !== 'flags') return rest;
  return { ...rest, faults: [...rest.faults, `${argv.at(-1)} needs a value after it; see --help`] };
}

/** Only the name of a flag is repeated: its value may be anything. A word that follows is most likely its value. */
function strange(argument: string, index: number, all: readonly string[]): string[] {
  if (argument.startsWith('-'))
    return [`${argument.split('=', 1)[0]} is no flag; see --help for those there are`];
  return all[index - 1]?.startsWith('-')
    ? []
    : ['an argument without a flag is not understood; write --flag value'];
}

function define(version: string): Command {
  return withFlags(new Command('tokenbinding-controller'))
    .description(
      'Keeps OAuth2 access tokens fresh in Secrets and in Fly.io apps, as TokenBinding objects ask for.',
    )
    .usage('[flags]')
    .optionsGroup('Help:')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this text')
    .addHelpText('after', FOOTER)
    .allowUnknownOption()
    .allowExcessArguments()
    .exitOverride();
}

function withFlags(command: Command): Command {
  return command
    .optionsGroup('Cluster:')
    .option('--kubeconfig <file>', "how to reach the cluster; without it the Pod's ServiceAccount is used")
    .option('--watch-namespaces <a,b>', 'work in these namespaces only; empty: in all', '')
    .option('--workers <n>', 'how many bindings are worked on at the same time, 1 to 64', '16')
    .optionsGroup('Outgoing calls (issuers and Fly.io; https only, no redirects, no metadata addresses):')
    .option('--ca-file <file>', "PEM certificates to trust besides the system's")
    .option('--egress-allow-hosts <a,*.b>', 'the only hosts to call, exact or *.suffix; empty: any', '')
    .option('--egress-allow-loopback', 'allow calls to this very machine; for development only')
    .option('--provider-qps <n>', 'token requests per second to one token endpoint, 1 to 1000', '10')
    .option('--provider-concurrency <n>', 'token requests under way at one token endpoint, 1 to 64', '4')
    .option('--fly-api-url <url>', 'base URL of the Fly Machines API', 'https://api.machines.dev')
    .optionsGroup('Leader election (one replica works, the others stand by):')
    .option('--leader-elect-namespace <name>', 'namespace of the Lease (default: $POD_NAMESPACE)')
    .option('--leader-elect-lease-name <name>', 'name of the Lease', 'tokenbinding-controller')
    .option(
      '--leader-elect-lease-duration <time>',
      'how long a dead leader keeps the others out',
      DEFAULTS.lease,
    )
    .option('--leader-elect-renew-deadline <time>', 'how long a leader goes on unrenewed', DEFAULTS.renew)
    .option('--leader-elect-retry-period <time>', 'pause between two attempts', DEFAULTS.retry)
    .option(
      '--identity <name>',
      'name of this replica in the Lease, unique (default: <host name>_<random UUID>)',
    )
    .optionsGroup('Observation:')
    .option(
      '--metrics-bind-address <[host]:port>',
      'serves /metrics, /healthz and /readyz; port 0: any',
      ':8080',
    )
    .option('--log-level <level>', `least level to log: ${LOG_LEVELS.join(', ')}`, 'info');
}
