import { FailureError } from '../src/failure.ts';

/** What may be told of an error, whoever threw it. */
export interface ErrorDescription {
  readonly name: string;
  readonly message: string;
  /** System, HTTP or library code: `ECONNREFUSED`, 404, `UND_ERR_HEADERS_TIMEOUT`. */
  readonly code?: string | number;
  readonly reason?: string;
  readonly disposition?: string;
  /** Name and code of the error that caused it. */
  readonly cause?: { readonly name: string; readonly code?: string | number };
  /** The frames alone. */
  readonly stack?: readonly string[];
}

const WITHHELD = '[withheld: may quote what was received]';

/**
 * Picks what is safe: never bodies, headers or inputs that hang on the error, nor messages that may quote them. Those
 * are the messages of errors that carry a body or headers (HTTP clients) and of SyntaxErrors (JSON.parse quotes the text).
 */
export function describeError(error: Error, withStack: boolean): ErrorDescription {
  const failure = error instanceof FailureError ? error.failure : undefined;
  const reason = failure?.reason ?? word(property(error, 'reason'));
  const { cause } = error;
  return {
    name: nameOf(error),
    message: quotes(error) ? WITHHELD : error.message,
    ...codeOf(error),
    ...(reason === undefined ? {} : { reason }),
    ...(failure ? { disposition: failure.disposition } : {}),
    ...(cause instanceof Error ? { cause: { name: nameOf(cause), ...codeOf(cause) } } : {}),
    ...(withStack ? { stack: frames(error) } : {}),
  };
}

function quotes(error: Error): boolean {
  return error instanceof SyntaxError || 'body' in error || 'headers' in error || 'response' in error;
}

/** Libraries that do not set `name` are still told apart by their class. */
function nameOf(error: Error): string {
  return error.name === 'Error' ? error.constructor.name : error.name;
}

function codeOf(error: Error): { code?: string | number } {
  for (const name of ['code', 'status', 'statusCode']) {
    const value = property(error, name);
    if (typeof value === 'number') return { code: value };
    if (typeof value === 'string' && /^\w{1,64}$/.test(value)) return { code: value };
  }
  return {};
}

function property(error: Error, name: string): unknown {
  return name in error ? error[name as keyof Error] : undefined;
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z]{1,64}$/.test(value) ? value : undefined;
}

/** A stack begins with the message, which is left out: it may be one of those withheld. */
function frames(error: Error): string[] {
  const stack = error.stack ?? '';
  const start = stack.indexOf(error.message);
  const rest = start < 0 ? '' : stack.slice(start + error.message.length);
  return rest
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at '));
}
