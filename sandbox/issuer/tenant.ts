import type { ServerResponse } from 'node:http';
import { ClientRegistry, type IssuerClient, type KeyClient } from './client-registry.ts';
import { Ledger } from './ledger.ts';
import { Quotas } from './quota.ts';
import type { TokenFault } from './token-fault.ts';

export const TOKEN_PATH = '/oauth/token';

export interface TenantOptions {
  readonly clients: readonly (IssuerClient | KeyClient)[];
  /** Identifiers of the APIs it issues tokens for; absolute URIs. */
  readonly audiences: readonly string[];
  /** Seconds, from 1. */
  readonly tokenLifetimeSeconds: number;
  /**
   * The only `aud` that a client assertion may have. Default `Issuer`, as with Auth0 and RFC 10070; there
   * are servers that know themselves by their token endpoint only.
   */
  readonly assertionAudience?: 'Issuer' | 'TokenEndpoint';
  /** Epoch milliseconds, for rate limit, quotas and records; tokens live by the clock of the machine. */
  readonly now?: () => number;
}

/** An Auth0 tenant, as far as the client-credentials grant goes. All of it is read anew for every request. */
export class Tenant {
  /** The issuer's URL with its trailing slash: the `iss` of every token. */
  readonly issuer: string;
  /** The `aud` that a client assertion must have. */
  readonly assertionAudience: string;
  readonly clients: ClientRegistry;
  /** By the identifier of an API: its scopes. */
  readonly scopes = new Map<string, readonly string[]>();
  /** By id and by name of an organization: its id. */
  readonly organizations = new Map<string, string>();
  readonly quotas: Quotas;
  readonly ledger = new Ledger();
  /** By the answer that is to carry the token: what is to be wrong with it. */
  readonly tokenFaults = new WeakMap<ServerResponse, TokenFault>();
  /** Epoch milliseconds. */
  readonly now: () => number;
  tokenLifetimeSeconds: number;

  /** @throws Error when an audience is no absolute URI */
  constructor(issuer: string, options: TenantOptions) {
    this.issuer = issuer;
    this.assertionAudience =
      options.assertionAudience === 'TokenEndpoint' ? new URL(TOKEN_PATH, issuer).href : issuer;
    this.clients = new ClientRegistry(options.clients);
    this.now = options.now ?? Date.now;
    this.quotas = new Quotas(this.now);
    this.tokenLifetimeSeconds = options.tokenLifetimeSeconds;
    for (const audience of options.audiences) this.addAudience(audience);
  }

  /** @throws Error when the identifier is no absolute URI */
  addAudience(identifier: string, scopes: readonly string[] = []): void {
    if (!URL.canParse(identifier))
      throw new Error(`audience "${identifier}" must be an absolute URI, as RFC 8707 demands`);
    this.scopes.set(identifier, scopes);
  }
}
