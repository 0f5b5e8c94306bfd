import type { IssueFailureReason } from '../failure.ts';
import type { ClientAuthentication } from './client-authentication.ts';

/** What was asked, as far as a message may name it: no credential. */
export interface Asked {
  /** `host[:port]` of the token endpoint. */
  readonly host: string;
  /** Audience or resource that was asked for, if any. */
  readonly audience?: string;
  readonly authentication: ClientAuthentication['type'];
}

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
}

/** What a refusal means and what to do about it, in our own words; the rest of a sentence. */
export function explainRefusal(reason: IssueFailureReason, answer: Answer, asked: Asked): string {
  switch (reason) {
    case 'RateLimited':
      return 'too many requests; it is asked again later.';
    case 'QuotaExceeded':
      return 'its quota of tokens is used up; it is asked again when that is renewed, or once a day at least.';
    case 'CredentialsInvalid':
      return explainCredentials(answer, asked);
    case 'ClientNotAuthorized':
      return explainGrant(asked);
    case 'AudienceUnknown':
      return `it knows no API ${named(asked)}; compare that with the identifier of the API at the provider.`;
    case 'ScopeNotGranted':
      return 'a scope is unknown or not granted to the client; grant it to the client for this API.';
    case 'ProviderUnavailable':
      return isRedirect(answer.status)
        ? 'a redirect is not followed with credentials; it is asked again, and if that stays check spec.source.'
        : 'it gives no tokens at the moment; it is asked again.';
    default:
      return explainRequest(answer.status);
  }
}

const CREDENTIALS: Readonly<Record<Asked['authentication'], string>> = {
  ClientSecret:
    'it does not accept the client id and client secret; correct them in the referenced Secret, or the method ' +
    'that sends them.',
  PrivateKeyJwt:
    'it does not accept the private key or its registration; compare client id, key, keyId, algorithm and ' +
    'assertionAudience with what is registered for the client, and the clocks of both sides.',
  Assertion:
    'it does not accept the ServiceAccount token: its issuer, subject or audience is not what the provider ' +
    'trusts for this client id; compare them with what is registered there.',
};

function explainCredentials({ status, code }: Answer, { authentication }: Asked): string {
  const explained = CREDENTIALS[authentication];
  if (status !== 403 || code !== undefined) return explained;
  return `either a proxy or firewall on the way blocks the request, or ${explained}`;
}

/** Auth0 answers all of these cases alike. */
function explainGrant(asked: Asked): string {
  if (asked.audience === undefined) {
    return 'the client may not use client credentials, or not for what was asked; allow it at the provider.';
  }
  return (
    `either there is no API ${named(asked)}, or the client has no grant for it, or may not use client ` +
    'credentials; compare the audience with the identifier of the API, and authorize the client for that API.'
  );
}

function explainRequest(status: number): string {
  if (status === 404 || status === 405) {
    return 'there is no token endpoint; correct the domain, issuer or tokenEndpoint in spec.source.';
  }
  if (isRedirect(status)) {
    return 'its token endpoint has moved, and a redirect is not followed with credentials; write the new one in spec.source.';
  }
  return 'it refuses the request; check spec.source, and the log of the provider for the cause.';
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400;
}

function named({ audience }: Asked): string {
  return audience === undefined ? 'for what was asked' : `with the audience ${audience}`;
}
