import * as oauth from 'oauth4webapi';
import type { Clock } from '../clock.ts';
import { type Failure, FailureError, failure, type IssueFailureReason } from '../failure.ts';
import { retryNotBefore } from '../http/retry-after.ts';
import { isCallable, refused, sourceHost } from './source.ts';
import { unreachableFailure } from './unreachable.ts';

/** What an authorization server publishes about itself, as far as it is used: a hint, never a gate. */
export interface ServerMetadata {
  /** As the server spells it; the same URL as the issuer that was asked for. */
  readonly issuer: string;
  /** An https URL without user and password. */
  readonly tokenEndpoint: string;
}

/** What metadata is asked with. */
export interface MetadataEffects {
  /** Ends a request that gets no answer, and bounds its body. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}

/** Where metadata is looked for, in this order: OpenID Connect Discovery 1.0 §4, RFC 8414 §3. */
const FORMS = ['oidc', 'oauth2'] as const;

/** 4xx that speak of the moment, not of the address: Request Timeout, Too Early. */
const TRANSIENT = new Set([408, 425]);

/** Redirects that say of themselves that they stay (RFC 9110 §15.4.2, §15.4.9). */
const MOVED = new Set([301, 308]);

const REMEDY =
  'compare spec.source.oauth2.issuer with the provider, or write its tokenEndpoint in place of it.';

/**
 * Asks `issuer` for its metadata, in both forms unless the first one has it.
 *
 * @throws FailureError `RequestRefused` when it has none, or none for this issuer; a reason to retry when either
 *   form may have it at another time
 */
export async function askMetadata(issuer: string, effects: MetadataEffects): Promise<ServerMetadata> {
  const url = issuerUrl(issuer);
  const failures: Failure<IssueFailureReason>[] = [];
  for (const algorithm of FORMS) {
    const answer = await askForm(url, algorithm, effects);
    if (answer !== undefined && 'tokenEndpoint' in answer) return answer;
    if (answer !== undefined) failures.push(answer);
  }
  const [first] = failures;
  if (first === undefined) throw refused(`${url.host} has no metadata for its issuer; ${REMEDY}`);
  throw new FailureError(failures.find(({ disposition }) => disposition === 'retry') ?? first);
}

function issuerUrl(issuer: string): URL {
  const url = URL.parse(issuer);
  if (url !== null && isCallable(issuer) && url.search === '' && url.hash === '') return url;
  const what = 'must be an https URL without user, query and fragment (RFC 8414 §2)';
  throw refused(`spec.source.oauth2.issuer ${what}; write it as in https://id.acme.dev/realms/x.`);
}

/** The metadata, or why this form gives none; undefined when nothing is there. */
async function askForm(
  issuer: URL,
  algorithm: (typeof FORMS)[number],
  { fetch, clock }: MetadataEffects,
): Promise<ServerMetadata | Failure<IssueFailureReason> | undefined> {
  const host = sourceHost({ issuer: issuer.href, parameters: {}, scopes: [] });
  const response = await oauth.discoveryRequest(issuer, {
    algorithm,
    [oauth.customFetch]: (url, { method, headers, redirect }) =>
      fetch(url, { method, headers, redirect }).catch((error: unknown) => {
        throw new FailureError(unreachableFailure(error, host));
      }),
  });
  if (response.status === 200) return readMetadata(issuer, response);
  // An unread body would hold its connection.
  await response.body?.cancel().catch(() => undefined);
  return statusFailure(host, response, clock);
}

function statusFailure(host: string, { status, headers }: Response, clock: Clock) {
  if (status >= 400 && status < 500 && status !== 429 && !TRANSIENT.has(status)) return undefined;
  const answered = `${host} answered HTTP ${status} when it was asked for its metadata`;
  if (MOVED.has(status)) {
    return failure('RequestRefused', `${answered}: a redirect is not followed; ${REMEDY}`);
  }
  const reason = status === 429 ? 'RateLimited' : 'ProviderUnavailable';
  return failure(reason, `${answered}; it is asked again.`, retryNotBefore(headers, clock.now()));
}

async function readMetadata(issuer: URL, response: Response) {
  let metadata: oauth.AuthorizationServer;
  try {
    metadata = await oauth.processDiscoveryResponse(issuer, response);
  } catch (error) {
    return unreadable(issuer.host, error);
  }
  const { issuer: name, token_endpoint: tokenEndpoint } = metadata;
  if (typeof tokenEndpoint === 'string' && isCallable(tokenEndpoint)) return { issuer: name, tokenEndpoint };
  const message = `The metadata of ${issuer.host} names no token endpoint by an https URL; ${REMEDY}`;
  return failure('RequestRefused', message);
}

function unreadable(host: string, error: unknown): Failure<IssueFailureReason> {
  const code = error instanceof oauth.OperationProcessingError ? error.code : undefined;
  if (code !== oauth.PARSE_ERROR && code !== oauth.RESPONSE_IS_NOT_JSON) {
    return failure(
      'RequestRefused',
      `The metadata of ${host} is that of another issuer, or of none; ${REMEDY}`,
    );
  }
  const message = `${host} gave no whole JSON as its metadata: an outage page perhaps; it is asked again.`;
  return failure('ProviderUnavailable', message);
}
