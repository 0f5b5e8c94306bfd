import type { EpochMs } from '../clock.ts';
import { DISPOSITIONS, type Failure, failure, type IssueFailureReason } from '../failure.ts';
import { retryNotBefore } from '../http/retry-after.ts';

/** What the token endpoint said instead of giving a token. */
export interface Refusal {
  readonly status: number;
  /** The `error` code of the body (RFC 6749 §5.2), when there is one. */
  readonly code: string | undefined;
  readonly headers: Pick<Headers, 'get'>;
}

/** What was asked, as far as a message may name it: no credential. */
export interface Asked {
  readonly domain: string;
  readonly audience: string;
}

const REASON_BY_CODE: ReadonlyMap<string | undefined, IssueFailureReason> = new Map([
  ['invalid_client', 'CredentialsInvalid'],
  ['unauthorized_client', 'ClientNotAuthorized'],
  ['access_denied', 'ClientNotAuthorized'],
  ['invalid_target', 'AudienceUnknown'],
  ['invalid_scope', 'ScopeNotGranted'],
]);

/** 4xx that speak of the moment, not of the request: Request Timeout, Too Early. */
const TRANSIENT = new Set([408, 425]);

/**
 * The failure that a refusal means. The status decides first, the code second, a text never: servers agree
 * least on texts, and change them.
 */
export function refusalFailure(refusal: Refusal, asked: Asked, now: EpochMs): Failure<IssueFailureReason> {
  const reason = reasonOf(refusal);
  const message = `${asked.domain} answered HTTP ${refusal.status}: ${explain(reason, refusal.status, asked)}`;
  const isRetried = DISPOSITIONS[reason] === 'retry';
  return failure(reason, message, isRetried ? retryNotBefore(refusal.headers, now) : undefined);
}

function reasonOf({ status, code }: Refusal): IssueFailureReason {
  if (status === 429) return 'RateLimited';
  // Some servers explain a wrong secret with a code that means something else elsewhere.
  if (status === 401) return 'CredentialsInvalid';
  if (status < 400 || status >= 500 || TRANSIENT.has(status)) return 'ProviderUnavailable';
  return REASON_BY_CODE.get(code) ?? 'RequestRefused';
}

function explain(reason: IssueFailureReason, status: number, { audience }: Asked): string {
  switch (reason) {
    case 'RateLimited':
      return 'too many requests, or the quota of tokens is used up; it is asked again later.';
    case 'CredentialsInvalid':
      return 'it does not accept the client id and client secret; correct them in the referenced Secret.';
    case 'ClientNotAuthorized':
      // Auth0 answers both cases alike.
      return (
        `either there is no API with the audience ${audience}, or the client has no grant for it; compare ` +
        'the audience with the identifier of the API, and authorize the client for that API.'
      );
    case 'AudienceUnknown':
      return `it knows no API with the audience ${audience}; compare it with the identifier of the API.`;
    case 'ScopeNotGranted':
      return 'a scope is unknown or not granted to the client; grant it to the client for this API.';
    case 'ProviderUnavailable':
      return status >= 300 && status < 400
        ? 'a redirect is not followed with credentials; check the domain.'
        : 'it gives no tokens at the moment; it is asked again.';
    default:
      return 'it refuses the request; check domain and audience, and the log of the tenant for the cause.';
  }
}
