import { Command } from 'commander';
import {
  lifetimeOption,
  type Parsed,
  parseArguments,
  refreshesOption,
  strategyOption,
  whole,
} from '../command-line.ts';
import type { Strategy } from '../fleet.ts';

export interface SoakOptions {
  readonly strategy: Strategy;
  readonly refreshes: number;
  /** Seconds a token lives. */
  readonly lifetime: number;
  /** Milliseconds of each session between two calls. */
  readonly pause: number;
}

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
export function parseSoak(argv: readonly string[]): Parsed<SoakOptions> {
  const command = new Command('npm run soak --')
    .description(`Proves that nobody notices the renewal of a token.\n\n${ABOUT}`)
    .addOption(strategyOption())
    .addOption(refreshesOption().default(15))
    .addOption(lifetimeOption().default(90))
    .option('--pause <ms>', 'of each client between two calls, 0 to 10000', whole(0, 10_000), 0)
    .addHelpText('after', FOOTER);
  return parseArguments(command, argv);
}
