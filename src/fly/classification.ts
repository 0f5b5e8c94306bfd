import type { EpochMs } from '../clock.ts';
import { type DeliveryFailureReason, type Failure, failure } from '../failure.ts';
import type { MachinesApiError } from './api-call.ts';

/** Races with others and a lease held by somebody settle within seconds; look again then. */
const LOOK_AGAIN_MS = 5_000;
/** Fly refills one request a second per action and app (burst 3). */
const RATE_LIMIT_PAUSE_MS = 2_000;

/** Where a call was made: what a message names and what times count from. */
export interface CallPlace {
  readonly app: string;
  readonly now: EpochMs;
  readonly kept?: KeptToken | undefined;
}

/** The Secret that holds an API token, and the key in it. */
export interface KeptToken {
  readonly name: string;
  readonly key: string;
}

/**
 * What a failed call means and what to do about it, by status only: the service words one cause in many ways
 * and answers in JSON, plain text and HTML.
 */
export function classify(error: MachinesApiError, place: CallPlace): Failure<DeliveryFailureReason> {
  const { problem } = error;
  if (problem.kind === 'status') return byStatus(error, problem, place);
  switch (problem.kind) {
    case 'malformedToken':
      return unauthorized(error, place, 'The API token is empty or holds characters that no token has');
    case 'refusedHere':
      return refused(error, place, problem.why.replace(/\.$/, ''));
    case 'heldBack':
      return unavailable(
        error,
        place,
        "not asked yet, to stay within Fly's rate limit",
        place.now + Math.ceil(problem.waitMs),
      );
    case 'unreadable':
      return unavailable(error, place, 'the answer could not be understood');
    case 'unreachable':
      return unavailable(error, place, 'no answer from the Machines API');
  }
}

type StatusProblem = Extract<MachinesApiError['problem'], { kind: 'status' }>;

function byStatus(
  error: MachinesApiError,
  { status, retryNotBefore }: StatusProblem,
  place: CallPlace,
): Failure<DeliveryFailureReason> {
  const asked = retryNotBefore(place.now);
  switch (status) {
    case 401:
      return unauthorized(
        error,
        place,
        'Fly does not accept the API token (HTTP 401): it is expired or revoked',
      );
    case 403:
      return unauthorized(error, place, 'The API token is valid, but not for this (HTTP 403)');
    case 404:
      return appNotFound(error, place);
    case 409:
    case 412:
      return unavailable(
        error,
        place,
        `something else is changing it (HTTP ${status}); looking again soon`,
        asked ?? place.now + LOOK_AGAIN_MS,
      );
    case 429:
      return unavailable(
        error,
        place,
        "Fly's rate limit is reached (HTTP 429)",
        asked ?? place.now + RATE_LIMIT_PAUSE_MS,
      );
    default:
      if (isRefusal(status)) return refused(error, place, `Fly answered HTTP ${status}`);
      return unavailable(error, place, `Fly answered HTTP ${status}`, asked);
  }
}

/** Any other 4xx will be the same next time; 408 is a wait that was cut short. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408;
}

function unauthorized(error: MachinesApiError, { app, kept }: CallPlace, what: string) {
  return failure(
    'Unauthorized',
    `Fly app ${app}: could not ${error.action}. ${what}; ${newTokenAdvice(app, kept)}${reference(error)}.`,
  );
}

/** The way out of nearly everything that can be wrong with an API token, as half a sentence. */
export function newTokenAdvice(app: string, kept: KeptToken | undefined): string {
  const place = kept ? `under key ${kept.key} of Secret ${kept.name}` : 'into the referenced Secret';
  return `create a token with \`fly tokens create deploy -a ${app}\` and put it ${place}`;
}

/** The app is not there for this API token. */
export function appNotFound(error: MachinesApiError, { app }: Pick<CallPlace, 'app'>) {
  return failure(
    'AppNotFound',
    `Fly app ${app} does not exist, or not in the organization of the API token (HTTP 404); ` +
      `correct the delivery's \`fly.app\` or create the app${reference(error)}.`,
  );
}

function unavailable(error: MachinesApiError, { app }: CallPlace, what: string, notBefore?: EpochMs) {
  return failure('PlatformUnavailable', describe(error, app, what), notBefore);
}

function refused(error: MachinesApiError, { app }: CallPlace, what: string) {
  return failure('RequestRefused', describe(error, app, what));
}

function describe(error: MachinesApiError, app: string, what: string): string {
  return `Fly app ${app}: could not ${error.action}: ${what}${reference(error)}.`;
}

/** Fly's id of the failed request in parentheses, to be put before the last full stop; empty without one. */
export function reference({ requestId }: MachinesApiError): string {
  return requestId === undefined ? '' : ` (fly-request-id ${requestId})`;
}
