import { Command, CommanderError, InvalidArgumentError } from 'commander';

export interface DemoOptions {
  /** Ends by itself after so many; undefined: never. */
  readonly refreshes?: number;
  /** Seconds a token lives. */
  readonly lifetime: number;
  /** Seconds from the start of the controller on; undefined: none. */
  readonly timeout?: number;
  readonly output: 'text' | 'json';
}

export type ParsedDemo =
  | { readonly kind: 'run'; readonly options: DemoOptions }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'invalid'; readonly text: string };

/** A rollout takes about ten seconds, and a token is renewed when half of its life is over. */
const LEAST_LIFETIME = 30;
const MOST_LIFETIME = 3600;
const DEFAULT_LIFETIME = 60;
/** On top of the lives of all tokens: a start on a slow machine, and a rollout that has to wait. */
const SLACK_SECONDS = 180;

const ABOUT =
  'Starts a real Kubernetes API server, an OAuth issuer, an API that checks tokens, a look-alike of Fly.io with two ' +
  'machines that run an MCP server, and the controller; applies examples/tokenbinding.yaml; and lets an MCP client ' +
  'call all the time, so that a token that is not renewed in time would show as a call that fails.';

const FOOTER = `
Examples:
  npm start                          watch until Ctrl-C; on a terminal as a live view, else line by line
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
export function parseDemo(argv: readonly string[]): ParsedDemo {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  const command = define().configureOutput({ writeOut: write, writeErr: write, getOutHelpWidth: () => 110 });
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { kind: error.exitCode === 0 ? 'help' : 'invalid', text };
  }
  const options = command.opts<DemoOptions>();
  const { refreshes, lifetime, timeout } = options;
  if (refreshes === undefined || timeout !== undefined) return { kind: 'run', options };
  return { kind: 'run', options: { ...options, timeout: (refreshes + 1) * lifetime + SLACK_SECONDS } };
}

function define(): Command {
  return new Command('npm start --')
    .description(`Shows a TokenBinding keep the token of a running app fresh.\n\n${ABOUT}`)
    .option('--refreshes <n>', 'end after n refreshes, 1 to 1000', whole(1, 1000))
    .option(
      '--lifetime <seconds>',
      `how long a token lives, ${LEAST_LIFETIME} to ${MOST_LIFETIME}`,
      whole(LEAST_LIFETIME, MOST_LIFETIME),
      DEFAULT_LIFETIME,
    )
    .option(
      '--timeout <seconds>',
      'give up so long after the start of the controller (default with --refreshes: three minutes more than the ' +
        'tokens live)',
      whole(1, 86_400),
    )
    .option(
      '-o, --output <format>',
      'summary as text or json; with json all else goes to stderr',
      format,
      'text',
    )
    .helpOption('-h, --help', 'print this text')
    .addHelpText('after', FOOTER)
    .showHelpAfterError('Try --help.')
    .exitOverride();
}

function whole(least: number, most: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (Number.isInteger(number) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
  };
}

function format(value: string): string {
  if (value === 'text' || value === 'json') return value;
  throw new InvalidArgumentError('Write text or json.');
}
