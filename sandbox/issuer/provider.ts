import { randomBytes } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import Provider, { type Configuration, type JWK, type KoaContextWithOIDC } from 'oidc-provider';
import { accessDenied, toAuth0Error } from './auth0-error.ts';
import type { ClientRegistry } from './client-registry.ts';
import type { Ledger } from './ledger.ts';

/** An Auth0 tenant, as far as the client-credentials grant goes. */
export interface Tenant {
  /** The issuer's URL with its trailing slash: the `iss` of every token. */
  readonly issuer: string;
  readonly audiences: ReadonlySet<string>;
  readonly clients: ClientRegistry;
  readonly ledger: Ledger;
  /** Seconds; read anew for every token. */
  readonly tokenLifetime: () => number;
}

export const TOKEN_PATH = '/oauth/token';

async function signingKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'RS256', use: 'sig' } as JWK;
}

const NO_AUDIENCE = 'No audience parameter was provided, and no default audience has been configured';

function notEnabled(audience: string) {
  return accessDenied(`Service not enabled within domain: ${audience}`);
}

/** Auth0 asks for an `audience`; oidc-provider knows it as the resource of RFC 8707. */
function resourceIndicators(tenant: Tenant): NonNullable<Configuration['features']>['resourceIndicators'] {
  return {
    enabled: true,
    defaultResource: (ctx) => {
      const audience = (ctx as KoaContextWithOIDC).oidc.body?.audience;
      if (typeof audience !== 'string' || audience === '') throw accessDenied(NO_AUDIENCE);
      // oidc-provider answers 400 to a resource that is no URI; to Auth0 it is one more unknown audience.
      if (!URL.canParse(audience)) throw notEnabled(audience);
      return audience;
    },
    getResourceServerInfo: (_ctx, audience, client) => {
      if (!tenant.audiences.has(audience)) throw notEnabled(audience);
      if (!tenant.clients.mayAsk(client.clientId, audience)) {
        throw accessDenied(
          `Client is not authorized to access "${audience}". You need to create a "client-grant" ` +
            'associated to this API.',
        );
      }
      return {
        scope: '',
        audience,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      };
    },
  };
}

/** Auth0's default token dialect, plus the `jti` of its RFC 9068 dialect so that tokens can be told apart. */
function tokenDialect({ ledger }: Tenant): NonNullable<Configuration['formats']> {
  return {
    customizers: {
      jwt: (_ctx, token, jwt) => {
        const clientId = token.clientId ?? '';
        const { jti, iat, exp, aud } = jwt.payload;
        ledger.issued.push({
          clientId,
          audience: String(aud),
          tokenId: String(jti),
          issuedAt: Number(iat),
          expiresAt: Number(exp),
        });
        delete jwt.payload.client_id;
        Object.assign(jwt.payload, { sub: `${clientId}@clients`, azp: clientId, gty: 'client-credentials' });
        jwt.header = { typ: 'JWT' };
      },
    },
  };
}

/** oidc-provider dressed as Auth0: its paths, its `audience` parameter, its tokens, its errors. */
export async function createProvider(tenant: Tenant): Promise<Provider> {
  const provider = new Provider(tenant.issuer, {
    adapter: () => tenant.clients.adapter(),
    jwks: { keys: [await signingKey()] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    clientAuthMethods: ['client_secret_post'],
    scopes: [],
    ttl: { ClientCredentials: tenant.tokenLifetime },
    routes: { token: TOKEN_PATH, jwks: '/.well-known/jwks.json' },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: resourceIndicators(tenant),
    },
    formats: tokenDialect(tenant),
  });
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path !== TOKEN_PATH || ctx.status < 400) return;
    const { error, error_description } = (ctx.body ?? {}) as Record<string, unknown>;
    const auth0 = toAuth0Error(error, error_description);
    if (auth0) Object.assign(ctx, auth0);
    if (ctx.status < 500) tenant.ledger.requests.refused += 1;
  });
  return provider;
}
