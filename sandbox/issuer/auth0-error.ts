import { errors } from 'oidc-provider';

/** Status and body of Auth0's token endpoint for what it refuses. */
export interface Auth0Error {
  readonly status: 401 | 403;
  readonly body: { readonly error: string; readonly error_description: string };
}

/** An `access_denied` that oidc-provider sends on as it is, with Auth0's status instead of its own 400. */
export function accessDenied(description: string): errors.OIDCProviderError {
  const error = new errors.CustomOIDCProviderError('access_denied', description);
  error.status = 403;
  error.statusCode = 403;
  return error;
}

/**
 * Auth0's words for a refusal that oidc-provider words by the RFC; undefined where the two agree.
 *
 * @param error the `error` code of RFC 6749 §5.2
 * @param description oidc-provider's `error_description`
 */
export function toAuth0Error(error: unknown, description: unknown): Auth0Error | undefined {
  if (error === 'invalid_client') {
    return { status: 401, body: { error: 'access_denied', error_description: 'Unauthorized' } };
  }
  if (error === 'invalid_request' && description === 'requested grant type is not allowed for this client') {
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
