import { Command, Option } from 'commander';
import {
  lifetimeOption,
  type Parsed,
  parseArguments,
  refreshesOption,
  strategyOption,
  whole,
} from './command-line.ts';
import type { Strategy } from './fleet.ts';

export interface DemoOptions {
  readonly strategy: Strategy;
  /** Whether the API refuses the second token, however good it is. */
  readonly badToken: boolean;
  /** Ends by itself after so many; undefined: never. */
  readonly refreshes?: number;
  /** Seconds a token lives. */
  readonly lifetime: number;
  /** Seconds from the start of the controller on; undefined: none. */
  readonly timeout?: number;
  readonly output: 'text' | 'json';
}

type Given = Partial<DemoOptions> & Pick<DemoOptions, 'strategy' | 'output'>;

const LIFETIME = 60;
/** One token is tried in vain for ten seconds, and another has to come before the end of the old one. */
const LIFETIME_WITH_BAD_TOKEN = 90;
/** On top of the lives of all tokens: a start on a slow machine, and a rollout that has to wait. */
const SLACK_SECONDS = 180;

const ABOUT =
  'Starts a real Kubernetes API server, an OAuth issuer, an API that checks tokens, a look-alike of Fly.io with an ' +
  'app of five machines (three run an MCP server, one is stopped, one is a standby), and the controller; applies ' +
  'examples/tokenbinding.yaml; and lets MCP clients call all the time, so that a token that is not renewed in time ' +
  'would show as a call that fails.';

const FOOTER = `
Examples:
  npm start                          watch until Ctrl-C; on a terminal as a live view, else line by line
  npm start -- --strategy Reload     no machine restarts, and no MCP session ends
  npm start -- --bad-token           a token that does not work stops at the first machine and is taken back
  npm start -- --refreshes 2         end by itself when the token was renewed twice on every machine
  npm start --silent -- --refreshes 2 -o json | jq .mcpCalls

Environment:
  USE_EXISTING_CLUSTER=true          use the current kubeconfig's cluster instead of a control plane of our own;
                                     what is installed there is removed at the end
  KUBEBUILDER_ASSETS                 directory with etcd and kube-apiserver, instead of building them
  NO_COLOR                           no colours

Exit codes:
  0    the refreshes were reached, or Ctrl-C ended a demo without --refreshes, and no call failed
  1    a call failed, the time was up, the controller ended by itself, or the start failed
  2    the arguments cannot be used
  130  Ctrl-C before the refreshes were reached, or during the start`;

/** @param argv without interpreter and script */
export function parseDemo(argv: readonly string[]): Parsed<DemoOptions> {
  const parsed = parseArguments<Given>(define(), argv);
  if (parsed.kind !== 'run') return parsed;
  const { badToken = false, refreshes, timeout } = parsed.options;
  const usual = badToken ? LIFETIME_WITH_BAD_TOKEN : LIFETIME;
  const { lifetime = usual, strategy } = parsed.options;
  if (badToken && strategy === 'Reload')
    return invalid(
      '--bad-token goes with the strategy Rolling only: a machine that is up would try it on calls.',
    );
  if (badToken && lifetime < usual)
    return invalid(`Write --lifetime ${usual} or more with --bad-token, or leave it out.`);
  const options = { ...parsed.options, badToken, lifetime };
  if (refreshes === undefined || timeout !== undefined) return { kind: 'run', options };
  return { kind: 'run', options: { ...options, timeout: (refreshes + 1) * lifetime + SLACK_SECONDS } };
}

const invalid = (text: string) => ({ kind: 'invalid', text: `error: ${text}\nTry --help.\n` }) as const;

function define(): Command {
  return new Command('npm start --')
    .description(`Shows a TokenBinding keep the token of a running app fresh.\n\n${ABOUT}`)
    .addOption(strategyOption())
    .option(
      '--bad-token',
      'let the API refuse the second token: see it taken back from the first machine, and another one work',
    )
    .addOption(refreshesOption())
    .addOption(lifetimeOption(`${LIFETIME}, or ${LIFETIME_WITH_BAD_TOKEN} with --bad-token`))
    .option(
      '--timeout <seconds>',
      'give up so long after the start of the controller (default with --refreshes: three minutes more than the ' +
        'tokens live)',
      whole(1, 86_400),
    )
    .addOption(
      new Option('-o, --output <format>', 'summary as text or json; with json all else goes to stderr')
        .choices(['text', 'json'])
        .default('text'),
    )
    .addHelpText('after', FOOTER);
}
