import type { Place } from './resource.ts';

/** The verbs of the API server's audit log and RBAC rules that this controller uses. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

/** What was being asked when it failed. */
export interface Attempt {
  readonly verb: Verb;
  readonly at: Place;
}

/** How it failed. */
export interface Refusal {
  /** HTTP status; 0 when there was no usable answer. */
  readonly status: number;
  /**
   * `reason` of metav1.Status (`NotFound`, `Conflict`, …); without an answer the network's code
   * (`ECONNREFUSED`, …), `DeadlineExceeded`, `Aborted` or `MalformedAnswer`.
   */
  readonly reason: string;
  /** The wait in milliseconds that the API server asked for. */
  readonly retryAfterMs?: number;
}

/**
 * A call to the API server that did not work. Its text is built from our own words only: the server's
 * message, body and headers may quote an object, and objects here are Secrets.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;

  constructor(attempt: Attempt, refusal: Refusal) {
    super(describe(attempt, refusal));
    this.status = refusal.status;
    this.reason = refusal.reason;
    this.retryAfterMs = refusal.retryAfterMs;
  }
}

/** Whether an error is the API server's answer with that reason, for example `NotFound`. */
export function hasReason(error: unknown, reason: string): error is ApiError {
  return error instanceof ApiError && error.reason === reason;
}

/** Reads a metav1.Status; anything else gives the reason that the HTTP status stands for, or `Unknown`. */
export function readRefusal(status: number, body: string, retryAfter: string | null): Refusal {
  const parsed = parseStatus(body);
  const seconds = Number(retryAfter ?? parsed.details?.retryAfterSeconds ?? Number.NaN);
  return {
    status,
    reason: knownShape(parsed.reason) ?? REASONS[status] ?? 'Unknown',
    ...(Number.isInteger(seconds) && seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}),
  };
}

/** Maps whatever a request threw on its way: connection errors, TLS errors, aborts, credential plugins. */
export function asApiError(attempt: Attempt, error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(attempt, { status: 0, reason: networkReason(error) });
}

/** What a proxy or an overloaded server without a Status body means. */
const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

interface StatusBody {
  reason?: unknown;
  details?: { retryAfterSeconds?: unknown };
}

function parseStatus(body: string): StatusBody {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

/** Reasons are CamelCase words; anything else is not repeated. */
function knownShape(reason: unknown): string | undefined {
  return typeof reason === 'string' && /^[A-Z][A-Za-z]{1,63}$/.test(reason) ? reason : undefined;
}

function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return 'Unknown';
  if (error.name === 'TimeoutError') return 'DeadlineExceeded';
  if (error.name === 'AbortError') return 'Aborted';
  if (error instanceof SyntaxError) return 'MalformedAnswer';
  const code = codeOf(error.cause) ?? codeOf(error);
  return code !== undefined && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : 'Unknown';
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function describe({ verb, at }: Attempt, { status, reason }: Refusal): string {
  const where = [at.namespace, at.name].filter((part) => part !== undefined).join('/');
  const what = at.subresource === undefined ? at.resource.plural : `${at.resource.plural}/${at.subresource}`;
  const subject = where === '' ? what : `${what} ${where}`;
  return `${verb} ${subject}: ${status === 0 ? 'no answer' : status} ${reason}`;
}
