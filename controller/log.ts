import { type DestinationStream, pino } from 'pino';
import type { Clock } from '../src/clock.ts';
import { describeError } from './error-description.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Facts of one line by name. An error belongs in `err`; errors are described wherever they are, see `describeError`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What rooms log to. The message is a fixed text, everything that varies is a field. */
export interface Logger extends Readonly<Record<LogLevel, (fields: LogFields, message: string) => void>> {
  /** A logger that adds these fields to every line: namespace, name and uid of a binding, id of a run. */
  child(fields: LogFields): Logger;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Stamps the lines, RFC 3339 in UTC with milliseconds. */
  readonly clock: Clock;
  /** Takes one JSON line per call, newline included. */
  readonly destination: DestinationStream;
}

/** Secrets never get this far (`SecretValue` prints as redacted); this is for headers that a library handed us. */
const REDACTED_FIELDS = ['authorization', 'Authorization', '*.authorization', '*.Authorization'];

/** Fields are meant to be flat; deeper ones are cut off here, so that an object in a circle ends. */
const MAX_DEPTH = 4;

/** JSON lines: level as a word, `time`, the fields, `msg`. Stacks are written at debug and trace only. */
export function createLogger({ level, clock, destination }: LogOptions): Logger {
  const withStack = level === 'debug' || level === 'trace';
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      formatters: {
        level: (label) => ({ level: label }),
        bindings: (fields) => describeErrors(fields, withStack, MAX_DEPTH),
        log: (fields) => describeErrors(fields, withStack, MAX_DEPTH),
      },
      serializers: { err: (described: unknown) => described },
      redact: { paths: REDACTED_FIELDS, censor: '[redacted]' },
    },
    destination,
  );
}

/** The errors among the fields described; pino would write out all that hangs on them, response bodies included. */
function describeErrors(fields: LogFields, withStack: boolean, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, describeErrorsIn(value, withStack, depth)]),
  );
}

function describeErrorsIn(value: unknown, withStack: boolean, depth: number): unknown {
  if (value instanceof Error) return describeError(value, withStack);
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  if (depth === 0) return '[deeper]';
  if (Array.isArray(value)) return value.map((item) => describeErrorsIn(item, withStack, depth - 1));
  return describeErrors({ ...value }, withStack, depth - 1);
}
