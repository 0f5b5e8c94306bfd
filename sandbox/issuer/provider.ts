import { randomBytes } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import Provider, { type Client, type JWK, type KoaContextWithOIDC } from 'oidc-provider';
import { ASSERTION_ALGORITHMS, ASSERTION_SKEW, assertAuth0Assertion } from './assertion.ts';
import { toAuth0Error } from './auth0-error.ts';
import { resourceIndicators } from './grant.ts';
import { createStore } from './store.ts';
import { type Tenant, TOKEN_PATH } from './tenant.ts';
import { tokenDialect } from './token-dialect.ts';
import { spoilAnswer } from './token-fault.ts';

/** oidc-provider dressed as Auth0: its paths, its `audience` parameter, its tokens, its errors, its limits. */
export async function createProvider(tenant: Tenant): Promise<Provider> {
  const provider = new Provider(tenant.issuer, {
    adapter: createStore(tenant.clients),
    jwks: { keys: [await signingKey()] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    clientAuthMethods: ['client_secret_post', 'client_secret_basic', 'private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: ASSERTION_ALGORITHMS },
    clockTolerance: ASSERTION_SKEW,
    assertJwtClientAuthClaimsAndHeader: (ctx, claims) =>
      assertAuth0Assertion(ctx, claims, tenant.assertionAudience),
    scopes: [],
    ttl: { ClientCredentials: () => tenant.tokenLifetimeSeconds },
    routes: { token: TOKEN_PATH, jwks: '/.well-known/jwks.json' },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: resourceIndicators(tenant),
    },
    formats: tokenDialect(tenant),
  });
  provider.Client.prototype.compareClientSecret = function (this: Client, secret) {
    const basic = Provider.ctx?.headers.authorization !== undefined;
    const method = basic ? 'client_secret_basic' : 'client_secret_post';
    return tenant.clients.accepts(this.clientId, secret, method);
  };
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === TOKEN_PATH) await dress(tenant, ctx as KoaContextWithOIDC);
  });
  return provider;
}

async function signingKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'RS256', use: 'sig' } as JWK;
}

/** Makes an answer of oidc-provider's token endpoint one of Auth0's. */
async function dress(tenant: Tenant, ctx: KoaContextWithOIDC): Promise<void> {
  const clientId = ctx.oidc?.entities.Client?.clientId ?? '';
  const body = (ctx.body ?? {}) as Record<string, unknown>;
  if (ctx.status === 200 || ctx.status === 429) ctx.set(tenant.quotas.headers(clientId));
  if (ctx.status === 429) ctx.set(tenant.quotas.refusalHeaders(clientId));
  if (ctx.status >= 400) {
    const auth0 = toAuth0Error(body, ctx.oidc?.params?.client_assertion !== undefined);
    if (auth0) Object.assign(ctx, auth0);
    if (ctx.status < 500) tenant.ledger.requests.refused += 1;
    return;
  }
  const fault = tenant.tokenFaults.get(ctx.res);
  if (!fault) return;
  await spoilAnswer(body, fault);
  ctx.body = body;
}
