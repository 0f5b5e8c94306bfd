import { type Client, type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider';
import { accessDenied, quotaExceeded } from './auth0-error.ts';
import type { Tenant } from './tenant.ts';

type ResourceIndicators = NonNullable<NonNullable<Configuration['features']>['resourceIndicators']>;

const NO_AUDIENCE = 'No audience parameter was provided, and no default audience has been configured';

/**
 * Who is granted what. Auth0 asks for an `audience`; oidc-provider knows it as the `resource` of RFC 8707,
 * which is understood as well.
 */
export function resourceIndicators(tenant: Tenant): ResourceIndicators {
  return {
    enabled: true,
    defaultResource: (ctx) => {
      const audience = (ctx as KoaContextWithOIDC).oidc.body?.audience;
      if (typeof audience !== 'string' || audience === '') throw accessDenied(NO_AUDIENCE);
      // oidc-provider answers 400 to a resource that is no URI; to Auth0 it is one more unknown audience.
      if (!URL.canParse(audience)) throw notEnabled(audience);
      return audience;
    },
    getResourceServerInfo: (ctx, audience, client) => {
      const scope = grantedScope(tenant, audience, client);
      organizationIn(tenant, ctx as KoaContextWithOIDC);
      if (tenant.quotas.isUsedUp(client.clientId)) throw quotaExceeded();
      // As with Auth0, who asks for no scope is given all that the grant has.
      const { params } = (ctx as KoaContextWithOIDC).oidc;
      if (params && scope !== '') params.scope ??= scope;
      return { scope, audience, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
    },
  };
}

/**
 * The id of the organization that a request names by id or name; undefined when it names none.
 *
 * @throws InvalidRequest when there is no such organization
 */
export function organizationIn(tenant: Tenant, ctx: KoaContextWithOIDC): string | undefined {
  const named = ctx.oidc.body?.organization;
  if (named === undefined) return undefined;
  const id = tenant.organizations.get(String(named));
  if (id === undefined) throw new errors.InvalidRequest('parameter organization is invalid');
  return id;
}

function grantedScope(tenant: Tenant, audience: string, client: Client): string {
  const scopes = tenant.scopes.get(audience);
  if (!scopes) throw notEnabled(audience);
  if (!tenant.clients.mayAsk(client.clientId, audience)) {
    throw accessDenied(
      `Client is not authorized to access "${audience}". You need to create a "client-grant" ` +
        'associated to this API.',
    );
  }
  return scopes.join(' ');
}

function notEnabled(audience: string): errors.OIDCProviderError {
  return accessDenied(`Service not enabled within domain: ${audience}`);
}
