import { type Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { STRATEGIES } from './fleet.ts';

/** What became of the arguments of a program. */
export type Parsed<T> =
  | { readonly kind: 'run'; readonly options: T }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'invalid'; readonly text: string };

/** Seconds that a token of the sandbox may live: a rollout takes some, and a token is renewed half way. */
const LEAST_LIFETIME = 30;
const MOST_LIFETIME = 3600;
const HELP_COLUMNS = 110;

/** @param argv without interpreter and script */
export function parseArguments<T extends object>(command: Command, argv: readonly string[]): Parsed<T> {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  command
    .configureOutput({ writeOut: write, writeErr: write, getOutHelpWidth: () => HELP_COLUMNS })
    .helpOption('-h, --help', 'print this text')
    .showHelpAfterError('Try --help.')
    .exitOverride();
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { kind: error.exitCode === 0 ? 'help' : 'invalid', text };
  }
  return { kind: 'run', options: command.opts<T>() };
}

/** `--refreshes`: how many renewals to wait for. */
export function refreshesOption(): Option {
  return new Option('--refreshes <n>', 'end after n refreshes, 1 to 1000').argParser(whole(1, 1000));
}

/** `--lifetime`: seconds that a token lives. @param usual default, in words, when it depends on other options */
export function lifetimeOption(usual?: string): Option {
  const range = `${LEAST_LIFETIME} to ${MOST_LIFETIME}`;
  const note = usual === undefined ? '' : ` (default: ${usual})`;
  return new Option(
    '--lifetime <seconds>',
    `how long a token lives, ${range}; a delivery has to take less than half of it${note}`,
  ).argParser(whole(LEAST_LIFETIME, MOST_LIFETIME));
}

/** `--strategy`: `rollout.strategy` of the delivery. */
export function strategyOption(): Option {
  return new Option(
    '--strategy <name>',
    'how machines that run get a token: Rolling restarts one after the other, Reload writes it into their file',
  )
    .choices(STRATEGIES)
    .default('Rolling');
}

/** A parser of whole numbers within bounds, both included. */
export function whole(least: number, most: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (Number.isInteger(number) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
  };
}
