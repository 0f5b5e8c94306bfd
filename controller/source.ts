import { createHash } from 'node:crypto';
import { parseDuration } from '../src/binding/duration.ts';
import type { TokenBinding, TokenBindingSpec } from '../src/binding/token-binding.ts';
import type { Source } from '../src/oauth/source.ts';
import type { Requirement } from '../src/oauth/verification.ts';

/** Where the tokens of a spec come from, as the issue step asks for them. */
export function sourceOf({ source }: TokenBindingSpec): Source {
  const { auth0, oauth2 } = source;
  if (auth0) {
    const { domain, audience, organization, scopes = [] } = auth0;
    const issuer = `https://${domain}/`;
    return {
      ...{ issuer, tokenEndpoint: `${issuer}oauth/token`, scopes },
      ...{ expectedIssuer: issuer, expectedAudience: audience },
      parameters: { audience, ...(organization !== undefined && { organization }) },
    };
  }
  // The schema demands one of the two: a binding without is of a later version of the API than this controller.
  if (!oauth2) throw new Error('the binding names a source unknown here');
  const { issuer, tokenEndpoint, audience, resource, scopes = [], parameters = {} } = oauth2;
  return {
    ...(issuer !== undefined && { issuer, expectedIssuer: issuer }),
    ...(tokenEndpoint !== undefined && { tokenEndpoint }),
    ...(audience !== undefined && { expectedAudience: audience }),
    parameters: {
      ...parameters,
      ...(audience !== undefined && { audience }),
      ...(resource !== undefined && { resource }),
    },
    scopes,
  };
}

/** What a token has to say before anybody gets it. */
export function requirementOf(spec: TokenBindingSpec, source: Source): Requirement {
  const { expectedIssuer: issuer, expectedAudience: audience, scopes } = source;
  const minLifetime = spec.verify?.minLifetime;
  return {
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
    ...(minLifetime !== undefined && { minLifetimeMs: parseDuration(minLifetime) }),
    scopes,
  };
}

/**
 * What shapes a token besides the moment: a token with an equal fingerprint still fits. Names no secret, and
 * nothing of how the client authenticates: a rotated credential asks for no new token.
 */
export function fingerprint({ spec }: TokenBinding, clientId: string): string {
  const { issuer, tokenEndpoint, parameters, scopes } = sourceOf(spec);
  const shape = [issuer, tokenEndpoint, Object.entries(parameters).sort(), scopes.toSorted(), clientId];
  return createHash('sha256').update(JSON.stringify(shape)).digest('hex').slice(0, 16);
}
