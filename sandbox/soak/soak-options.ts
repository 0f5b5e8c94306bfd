import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Strategy } from './soak-result.ts';

export interface SoakOptions {
  readonly strategy: Strategy;
  readonly refreshes: number;
  /** Seconds a token lives. */
  readonly lifetime: number;
  /** Milliseconds of each session between two calls. */
  readonly pause: number;
}

export type ParsedSoak =
  | { readonly kind: 'run'; readonly options: SoakOptions }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'invalid'; readonly text: string };

const LEAST_LIFETIME = 30;
const MOST_LIFETIME = 3600;

const ABOUT =
  'Twenty MCP clients with a session and a stream each call an app on a look-alike of Fly.io without pause, while ' +
  'its token is renewed again and again. The app has three machines that run, two stopped ones and a standby. ' +
  'Every refused or failed call, every session and stream that ends, every machine that is down and the life left ' +
  'in every token is counted.';

const FOOTER = `
Promises:
  Rolling  no call is refused for its token or fails, no machine is up without a good token, no more than one is
           down at once, and those at rest stay so; sessions and streams end with the machine they are on
  Reload   besides, no session, stream, call or process ends

Examples:
  npm run soak                                        fifteen tokens of 90 s, machine by machine: some twelve minutes
  npm run soak -- --strategy Reload                   the same without restarts
  npm run soak -- --refreshes 3 --lifetime 30         a short one

Exit codes:
  0    all refreshes were done and all promises kept
  1    a promise was broken, the time was up, the controller ended by itself, or the start failed
  2    the arguments cannot be used
  130  Ctrl-C`;

/** @param argv without interpreter and script */
export function parseSoak(argv: readonly string[]): ParsedSoak {
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
  return { kind: 'run', options: command.opts<SoakOptions>() };
}

function define(): Command {
  const strategies = new Option('--strategy <name>', 'how machines that run get a token');
  return new Command('npm run soak --')
    .description(`Proves that nobody notices the renewal of a token.\n\n${ABOUT}`)
    .addOption(strategies.choices(['Rolling', 'Reload']).default('Rolling'))
    .option('--refreshes <n>', 'end after n refreshes, 1 to 1000', whole(1, 1000), 15)
    .option(
      '--lifetime <seconds>',
      `how long a token lives, ${LEAST_LIFETIME} to ${MOST_LIFETIME}; a delivery has to take less than half of it`,
      whole(LEAST_LIFETIME, MOST_LIFETIME),
      90,
    )
    .option('--pause <ms>', 'of each client between two calls, 0 to 10000', whole(0, 10_000), 0)
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
