import * as oauth from 'oauth4webapi';
import { FailureError, failure } from '../failure.ts';
import { BodyTooLargeError } from '../http/egress.ts';
import { failedCheck, invalid } from './token-response.ts';

/**
 * The token response (RFC 6749 §5.1) in a response with status 200, whatever its content type.
 *
 * @throws FailureError `ProviderUnavailable` when there is no JSON, `ResponseInvalid` when it is longer than its
 *   bound, does not end or is no token response, `VerificationFailed` when the token is no bearer token
 */
export async function readTokenBody(response: Response, host: string): Promise<oauth.TokenEndpointResponse> {
  const json = parse(await wholeText(response, host), host);
  if (typeof json !== 'object' || json === null) throw notTokenResponse(host);
  const { access_token, token_type, expires_in, scope }: Record<string, unknown> = { ...json };
  // What else comes along (an id_token, an empty refresh_token) is of no use here, and must not do harm.
  const body = Response.json({
    ...{ access_token, token_type },
    ...{ expires_in: expires_in ?? undefined, scope: scope ?? undefined },
  });
  const read = await oauth
    .processClientCredentialsResponse({ issuer: host }, { client_id: host }, body)
    .catch((error: unknown) => {
      throw error instanceof oauth.UnsupportedOperationError ? notBearer(host) : notTokenResponse(host);
    });
  if (read.token_type !== 'bearer') throw notBearer(host);
  return read;
}

async function wholeText(response: Response, host: string): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    if (error instanceof BodyTooLargeError)
      throw invalid(host, 'its answer is too long for a token response.');
    const isEndless = error instanceof Error && error.name === 'TimeoutError';
    throw isEndless ? invalid(host, 'its answer did not end in time.') : withoutJson(host);
  }
}

function parse(text: string, host: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw withoutJson(host);
  }
}

function withoutJson(host: string): FailureError<'ProviderUnavailable'> {
  const what = 'answered HTTP 200 without a whole JSON body: an outage page perhaps; it is asked again.';
  return new FailureError(failure('ProviderUnavailable', `${host} ${what}`));
}

function notTokenResponse(host: string): FailureError<'ResponseInvalid'> {
  return invalid(host, 'it is not a token response by RFC 6749 §5.1.');
}

function notBearer(host: string): FailureError<'VerificationFailed'> {
  const what = 'it is not of type Bearer, so that only its requester could use it.';
  return failedCheck(host, 'token type', what);
}
