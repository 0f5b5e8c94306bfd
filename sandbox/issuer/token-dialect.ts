import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { organizationIn } from './grant.ts';
import type { Tenant } from './tenant.ts';
import { spoilClaims } from './token-fault.ts';

/** Auth0's default token dialect, plus the `jti` of its RFC 9068 dialect so that tokens can be told apart. */
export function tokenDialect(tenant: Tenant): NonNullable<Configuration['formats']> {
  return {
    customizers: {
      jwt: (ctx, token, jwt) => {
        const clientId = token.clientId ?? '';
        const organization = organizationIn(tenant, ctx as KoaContextWithOIDC);
        const { payload } = jwt;
        delete payload.client_id;
        Object.assign(payload, { sub: `${clientId}@clients`, azp: clientId, gty: 'client-credentials' });
        if (organization !== undefined) payload.org_id = organization;
        const fault = tenant.tokenFaults.get(ctx.res);
        if (fault) spoilClaims(payload, fault);
        jwt.header = { typ: 'JWT' };
        record(tenant, clientId, payload);
      },
    },
  };
}

function record(tenant: Tenant, clientId: string, claims: Readonly<Record<string, unknown>>): void {
  tenant.quotas.spend(clientId);
  tenant.ledger.issued.push({
    clientId,
    audience: String(claims.aud),
    scope: String(claims.scope ?? ''),
    tokenId: String(claims.jti),
    issuedAt: Number(claims.iat),
    expiresAt: Number(claims.exp),
  });
}
