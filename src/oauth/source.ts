import { FailureError, failure } from '../failure.ts';

/** Where a token comes from, and what is asked for. */
export interface Source {
  /** Issuer identifier (RFC 8414 §2); undefined when only a token endpoint is known. Auth0: `https://<domain>/`. */
  readonly issuer?: string;
  /** Undefined: found by discovery from `issuer`. Auth0: `https://<domain>/oauth/token`. */
  readonly tokenEndpoint?: string;
  /** Form parameters besides grant_type, scope and client authentication: audience, resource, organization, … */
  readonly parameters: Readonly<Record<string, string>>;
  readonly scopes: readonly string[];
  /** The `iss` and `aud` that the token must have where it tells. */
  readonly expectedIssuer?: string;
  readonly expectedAudience?: string;
}

/** What the grant and the client authentication write into the form themselves. */
const OWN_PARAMETERS = new Set([
  'grant_type',
  'scope',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
]);

/** `host[:port]` of the source, for messages: neither user, path nor query of its URL. */
export function sourceHost({ tokenEndpoint, issuer }: Source): string {
  return URL.parse(tokenEndpoint ?? issuer ?? '')?.host || 'The source';
}

/** True for an https URL without user and password: the only kind that is sent a credential. */
export function isCallable(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed?.protocol === 'https:' && parsed.username === '' && parsed.password === '';
}

/**
 * The form of a client-credentials request (RFC 6749 §4.4.2), without client authentication.
 *
 * @throws FailureError `RequestRefused` for a parameter that the request sets itself
 */
export function requestForm({ parameters, scopes }: Source): Record<string, string> {
  const own = Object.keys(parameters).find((name) => OWN_PARAMETERS.has(name));
  if (own !== undefined) {
    const remedy =
      own === 'scope'
        ? 'list scopes in spec.source.oauth2.scopes'
        : 'it follows from spec.clientAuthentication';
    throw refused(
      `The parameter ${own} cannot be set; remove it from spec.source.oauth2.parameters: ${remedy}.`,
    );
  }
  return { ...parameters, ...(scopes.length > 0 && { scope: scopes.join(' ') }) };
}

/** The failure of a source that has to be written differently. */
export function refused(message: string): FailureError<'RequestRefused'> {
  return new FailureError(failure('RequestRefused', message));
}
