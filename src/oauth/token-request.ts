import * as oauth from 'oauth4webapi';
import type { Clock } from '../clock.ts';
import { FailureError, failure, type IssueFailureReason } from '../failure.ts';
import type { CallLimits } from '../http/egress.ts';
import type { SecretValue } from '../secret-value.ts';
import { refusalFailure } from './refusal.ts';
import { type IssuedToken, invalid, issuedToken } from './token-response.ts';
import { unreachableFailure } from './unreachable.ts';

export type { IssuedToken } from './token-response.ts';

/** The bounds of one token request: a slow Auth0 Action may take seconds, a token response is a few KiB. */
export const TOKEN_REQUEST_LIMITS: CallLimits = { deadlineMs: 10_000, maxBodyBytes: 1024 * 1024 };

/** A request for a token by client credentials (RFC 6749 §4.4), sent with client_secret_post. */
export interface TokenRequest {
  /** Host of the issuer, with an optional port: `acme.eu.auth0.com`. */
  readonly domain: string;
  /** Identifier of the API that the token is for. */
  readonly audience: string;
  readonly clientId: string;
  readonly clientSecret: SecretValue;
}

/** What a token request works with. */
export interface TokenRequestEffects {
  /** Bounded by `TOKEN_REQUEST_LIMITS`: it is what ends a request that gets no answer. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/**
 * Asks `https://<domain>/oauth/token` for a token, once.
 *
 * @throws FailureError<IssueFailureReason> whenever there is no usable token; its message names no credential
 *   and quotes nothing of what the other side wrote
 * @throws the reason of `signal` when that aborted the request
 */
export async function requestToken(
  request: TokenRequest,
  effects: TokenRequestEffects,
): Promise<IssuedToken> {
  const { clock, signal } = effects;
  const server = authorizationServer(request);
  const sentAt = clock.now();
  try {
    const response = await send(server, request, effects);
    if (response.status !== 200) throw await refused(response, request, clock);
    const body = await readBody(server, request, response);
    return issuedToken(body, request.domain, { sentAt, receivedAt: clock.now() });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

function authorizationServer({ domain }: TokenRequest): oauth.AuthorizationServer {
  const issuer = `https://${domain}/`;
  if (URL.canParse(issuer)) return { issuer, token_endpoint: `${issuer}oauth/token` };
  const message = `${domain} is not a host; write spec.source.auth0.domain as in acme.eu.auth0.com.`;
  throw new FailureError(failure('RequestRefused', message));
}

function send(server: oauth.AuthorizationServer, request: TokenRequest, effects: TokenRequestEffects) {
  const { fetch, signal } = effects;
  const secret = request.clientSecret.reveal();
  if (request.clientId === '' || secret === '') {
    const message = 'The client id or the client secret is empty; fill both in the referenced Secret.';
    throw new FailureError(failure('CredentialsMissing', message));
  }
  return oauth.clientCredentialsGrantRequest(
    server,
    { client_id: request.clientId },
    oauth.ClientSecretPost(secret),
    { audience: request.audience },
    {
      [oauth.customFetch]: (url, init) =>
        fetch(url, init as RequestInit).catch((error: unknown) => {
          throw new FailureError(unreachableFailure(error, request.domain));
        }),
      ...(signal && { signal }),
    },
  );
}

/** oauth4webapi hides status and headers of some refusals, so they are read here from the response itself. */
async function refused(response: Response, request: TokenRequest, clock: Clock) {
  const { status, headers } = response;
  const code = await errorCode(response);
  return new FailureError<IssueFailureReason>(
    refusalFailure({ status, code, headers }, request, clock.now()),
  );
}

/** The `error` of a JSON body, whatever its content type; undefined when the body has none or breaks off. */
async function errorCode(response: Response): Promise<string | undefined> {
  try {
    const body: unknown = await response.json();
    const code = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}

async function readBody(
  server: oauth.AuthorizationServer,
  { domain, clientId }: TokenRequest,
  response: Response,
) {
  const body = await oauth
    .processClientCredentialsResponse(server, { client_id: clientId }, response)
    .catch((error: unknown) => {
      throw unreadable(error, domain);
    });
  if (body.token_type !== 'bearer') throw notBearer(domain);
  return body;
}

function unreadable(error: unknown, domain: string): FailureError<IssueFailureReason> {
  if (error instanceof oauth.UnsupportedOperationError) return notBearer(domain);
  const code = error instanceof oauth.OperationProcessingError ? error.code : undefined;
  if (code !== oauth.PARSE_ERROR && code !== oauth.RESPONSE_IS_NOT_JSON) {
    return invalid(domain, 'it is not a token response by RFC 6749 §5.1.');
  }
  const message = `${domain} answered HTTP 200 without a whole JSON body: an outage page perhaps; it is asked again.`;
  return new FailureError(failure('ProviderUnavailable', message));
}

function notBearer(domain: string): FailureError<'ResponseInvalid'> {
  return invalid(domain, 'the token is not of type Bearer, so that only its requester could use it.');
}
