import type { JWK } from 'oidc-provider';
import type { Authority } from '../pki.ts';
import { listenTls } from '../tls-server.ts';
import type { IssuerClient, KeyClient } from './client-registry.ts';
import { type Fault, type FaultScope, FaultSwitch } from './fault.ts';
import type { IssuedRecord, ReceivedRequest, RequestCounts } from './ledger.ts';
import { createProvider } from './provider.ts';
import type { Quota } from './quota.ts';
import type { Rate } from './rate-limit.ts';
import { Tenant, type TenantOptions, TOKEN_PATH } from './tenant.ts';
import { TokenEndpoint } from './token-endpoint.ts';

export interface IssuerOptions extends TenantOptions {
  readonly authority: Authority;
}

/**
 * An OAuth issuer that answers as an Auth0 tenant does; the `resource` parameter is understood besides. Not
 * modelled: JSON request bodies, DPoP, mutual TLS, the monthly quota, quotas of organizations. What Auth0 says
 * to an unknown organization is not documented: here it is 400 `invalid_request`.
 */
export interface Issuer {
  /** `https://localhost:<port>/`, the `iss` of its tokens. */
  readonly url: string;
  /** `localhost:<port>`, as a TokenBinding names it. */
  readonly domain: string;
  readonly jwksUrl: string;
  /** Every token ever signed, the oldest first. */
  readonly issued: readonly IssuedRecord[];
  /** Every request to the token endpoint that was read to its end, the oldest first. */
  readonly received: readonly ReceivedRequest[];
  readonly requests: Readonly<RequestCounts>;
  /** Tokens issued to a client, for one audience or for all. */
  issuedCount(clientId: string, audience?: string): number;
  /** For tokens issued from now on. */
  setTokenLifetime(seconds: number): void;
  /** One more API, or other scopes for one; without scopes its tokens have none. */
  addAudience(identifier: string, scopes?: readonly string[]): void;
  /** May be named by `id` or `name` in the `organization` parameter; tokens have its id as `org_id`. */
  addOrganization(organization: { readonly id: string; readonly name: string }): void;
  /** One more client, from now on. */
  addClient(client: IssuerClient | KeyClient): void;
  /**
   * The old secret stops working at once, unless it is among those still accepted: for the time, about 30 s at
   * Auth0, in which a new secret spreads.
   */
  setClientSecret(id: string, secret: string, also?: { readonly alsoAccept?: readonly string[] }): void;
  /** Public keys, two at most; those that are not among them stop working at once. */
  setClientKeys(id: string, keys: readonly JWK[]): void;
  /** For all clients together, with a full bucket; none when undefined. */
  setRateLimit(rate: Rate | undefined): void;
  /** From zero; none when undefined. */
  setQuota(clientId: string, quota: Quota | undefined): void;
  /** Replaces the fault before of the same scope. Faults meet the token endpoint only; discovery and keys stay up. */
  setFault(fault: Fault, scope?: FaultScope): void;
  /** Without a scope: all of them. */
  clearFault(scope?: FaultScope): void;
  stop(): Promise<void>;
}

const DISCOVERY = /^\/\.well-known\/(openid-configuration|oauth-authorization-server)$/;

/** @throws Error when an audience is no absolute URI */
export async function startIssuer({ authority, ...options }: IssuerOptions): Promise<Issuer> {
  const server = await listenTls(authority, 'sandbox issuer');
  const domain = `localhost:${server.port}`;
  const url = `https://${domain}/`;
  const tenant = new Tenant(url, options);
  const faults = new FaultSwitch();
  const answer = (await createProvider(tenant)).callback();
  const tokenEndpoint = new TokenEndpoint({ tenant, faults, answer });
  server.serve((request, response) => {
    if (request.url === TOKEN_PATH) return void tokenEndpoint.serve(request, response);
    if (DISCOVERY.test(request.url ?? '')) tenant.ledger.requests.discovery += 1;
    void answer(request, response);
  });
  return {
    ...{ url, domain, jwksUrl: `${url}.well-known/jwks.json` },
    ...controlsOf(tenant),
    setRateLimit: (rate) => tokenEndpoint.setRateLimit(rate),
    setFault: (fault, scope) => faults.set(fault, scope),
    clearFault: (scope) => faults.clear(scope),
    stop: () => {
      tokenEndpoint.stop();
      return server.stop();
    },
  };
}

function controlsOf(tenant: Tenant) {
  const { clients, ledger, organizations, quotas } = tenant;
  return {
    issued: ledger.issued,
    received: ledger.received,
    requests: ledger.requests,
    issuedCount: (clientId, audience) => ledger.count(clientId, audience),
    setTokenLifetime: (seconds) => {
      tenant.tokenLifetimeSeconds = seconds;
    },
    addAudience: (identifier, scopes) => tenant.addAudience(identifier, scopes),
    addOrganization: ({ id, name }) => void organizations.set(id, id).set(name, id),
    addClient: (client) => clients.add(client),
    setClientSecret: (id, secret, also) => clients.setSecret(id, secret, also?.alsoAccept),
    setClientKeys: (id, keys) => clients.setKeys(id, keys),
    setQuota: (clientId, quota) => quotas.set(clientId, quota),
  } satisfies Partial<Issuer>;
}
