import { errors } from 'oidc-provider';

/** Status and body of Auth0's token endpoint for what it refuses. */
export interface Auth0Error {
  readonly status: 401 | 403;
  readonly body: { readonly error: string; readonly error_description: string };
}

/** An `access_denied` that oidc-provider sends on as it is, with Auth0's status instead of its own 400. */
export function accessDenied(description: string): errors.OIDCProviderError {
  return withStatus(403, new errors.CustomOIDCProviderError('access_denied', description));
}

/** What Auth0 says when a client has had all the tokens of its quota. */
export function quotaExceeded(): errors.OIDCProviderError {
  return withStatus(429, new errors.CustomOIDCProviderError('too_many_requests', 'Client quota exceeded'));
}

function withStatus(status: number, error: errors.OIDCProviderError): errors.OIDCProviderError {
  return Object.assign(error, { status, statusCode: status });
}

/**
 * Auth0's words for a refusal that oidc-provider words by the RFC; undefined where the two agree, as they do
 * about a client assertion (401 `invalid_client`).
 *
 * @param body `error` and `error_description` of oidc-provider, RFC 6749 §5.2
 * @param byAssertion whether the client sent an assertion instead of a secret
 */
export function toAuth0Error(
  { error, error_description }: Readonly<Record<string, unknown>>,
  byAssertion: boolean,
): Auth0Error | undefined {
  if (error === 'invalid_client' && !byAssertion) {
    return { status: 401, body: { error: 'access_denied', error_description: 'Unauthorized' } };
  }
  if (
    error === 'invalid_request' &&
    error_description === 'requested grant type is not allowed for this client'
  ) {
    return {
      status: 403,
      body: {
        error: 'unauthorized_client',
        error_description: "Grant type 'client_credentials' not allowed for the client.",
      },
    };
  }
  return undefined;
}
