import type { EpochMs } from '../clock.ts';
import { DISPOSITIONS, type Failure, failure, type IssueFailureReason } from '../failure.ts';
import { retryNotBefore } from '../http/retry-after.ts';
import { readReport } from './provider-report.ts';
import { type Asked, explainRefusal } from './refusal-message.ts';

/** What the token endpoint said instead of giving a token. */
export interface Refusal {
  /** Any but 200. */
  readonly status: number;
  /** The `error` code of the body (RFC 6749 §5.2), when there is one. */
  readonly code: string | undefined;
  readonly headers: Pick<Headers, 'get'>;
}

const REASON_BY_CODE: ReadonlyMap<string | undefined, IssueFailureReason> = new Map([
  ['invalid_client', 'CredentialsInvalid'],
  ['unauthorized_client', 'ClientNotAuthorized'],
  ['access_denied', 'ClientNotAuthorized'],
  ['invalid_target', 'AudienceUnknown'],
  ['invalid_scope', 'ScopeNotGranted'],
  ['temporarily_unavailable', 'ProviderUnavailable'],
]);

/** 4xx that speak of the moment, not of the request: Request Timeout, Too Early. */
const TRANSIENT = new Set([408, 425]);

/**
 * These say of themselves that they will not change (RFC 9110 §15.4.2, §15.4.9), so a person has to write the
 * new URL. Other redirects are how proxies show a page of maintenance, and pass.
 */
const MOVED = new Set([301, 308]);

/** Rate limits count over seconds and minutes: whoever wants a longer wait speaks of a quota. */
const LONGEST_RATE_WAIT_MS = 3_600_000;

/**
 * The failure that a refusal means. The status decides first, the code second, a text never: servers agree
 * least on texts, and change them. A retry waits until when the headers ask, 24 hours at most: a quota of a
 * month is asked for once a day, in case somebody raises it.
 */
export function refusalFailure(refusal: Refusal, asked: Asked, now: EpochMs): Failure<IssueFailureReason> {
  const wait = refusal.status === 429 ? tooMany(refusal.headers, now) : undefined;
  const reason = wait?.reason ?? reasonOf(refusal);
  const message = `${asked.host} answered HTTP ${refusal.status}: ${explainRefusal(reason, refusal, asked)}`;
  if (DISPOSITIONS[reason] === 'stall') return failure(reason, message);
  return failure(reason, message, wait?.notBefore ?? retryNotBefore(refusal.headers, now));
}

function reasonOf({ status, code }: Refusal): IssueFailureReason {
  // Some servers explain a wrong secret with a code that means something else elsewhere.
  if (status === 401) return 'CredentialsInvalid';
  if (status === 404 || status === 405 || MOVED.has(status)) return 'RequestRefused';
  // An Auth0 Action that denies says server_error too, with a 4xx: an outage is told by its status alone.
  if (status < 400 || status >= 500 || TRANSIENT.has(status)) return 'ProviderUnavailable';
  // Some servers answer a wrong secret with nothing but this status.
  if (status === 403 && code === undefined) return 'CredentialsInvalid';
  return REASON_BY_CODE.get(code) ?? 'RequestRefused';
}

/** A quota that is used up may be one that its owner only watches, so a Retry-After wins over when it resets. */
function tooMany(headers: Refusal['headers'], now: EpochMs) {
  const retryAfter = { get: (name: string) => (name === 'retry-after' ? headers.get(name) : null) };
  const resets = readReport(headers, { sentAt: now, receivedAt: now })
    .quotas.filter(({ remaining }) => remaining === 0)
    .map(({ resetsAt }) => resetsAt);
  const notBefore =
    retryNotBefore(retryAfter, now) ??
    (resets.length > 0 ? Math.max(...resets) : retryNotBefore(headers, now));
  const isQuota = resets.length > 0 || (notBefore ?? now) - now > LONGEST_RATE_WAIT_MS;
  return { reason: isQuota ? 'QuotaExceeded' : 'RateLimited', notBefore } as const;
}
