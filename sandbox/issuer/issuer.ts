import type { Authority } from '../pki.ts';
import { listenTls } from '../tls-server.ts';
import { ClientRegistry, type IssuerClient } from './client-registry.ts';
import { type Exchange, type Fault, playFault } from './fault.ts';
import { type IssuedRecord, Ledger, type RequestCounts } from './ledger.ts';
import { createProvider, TOKEN_PATH } from './provider.ts';

export interface IssuerOptions {
  readonly authority: Authority;
  readonly clients: readonly IssuerClient[];
  /** Identifiers of the APIs it issues tokens for; absolute URIs. */
  readonly audiences: readonly string[];
  /** Seconds, from 1. */
  readonly tokenLifetimeSeconds: number;
}

/**
 * An OAuth issuer that answers as an Auth0 tenant does. Not modelled: rate limits and quotas (set a fault),
 * JSON request bodies, organizations, custom scopes, client authentication other than a secret in the body.
 */
export interface Issuer {
  /** `https://localhost:<port>/`, the `iss` of its tokens. */
  readonly url: string;
  /** `localhost:<port>`, as a TokenBinding names it. */
  readonly domain: string;
  readonly jwksUrl: string;
  /** Every token ever signed, the oldest first. */
  readonly issued: readonly IssuedRecord[];
  readonly requests: Readonly<RequestCounts>;
  /** Tokens issued to a client, for one audience or for all. */
  issuedCount(clientId: string, audience?: string): number;
  /** For tokens issued from now on. */
  setTokenLifetime(seconds: number): void;
  /** One more client, from now on. */
  addClient(client: IssuerClient): void;
  /** The old secret stops working at once. */
  setClientSecret(id: string, secret: string): void;
  /** Replaces the fault before. Faults meet the token endpoint only; discovery and keys stay up. */
  setFault(fault: Fault): void;
  clearFault(): void;
  stop(): Promise<void>;
}

/** The fault in force, if any, and how often it may still strike. */
class FaultSwitch {
  #fault: Fault | undefined;
  #left = 0;

  set(fault: Fault | undefined): void {
    this.#fault = fault;
    this.#left = fault?.times ?? Number.POSITIVE_INFINITY;
  }

  take(): Fault | undefined {
    if (this.#left <= 0) return undefined;
    this.#left -= 1;
    return this.#fault;
  }
}

/** @throws Error when an audience is no absolute URI */
export async function startIssuer(options: IssuerOptions): Promise<Issuer> {
  const notUri = options.audiences.find((audience) => !URL.canParse(audience));
  if (notUri !== undefined)
    throw new Error(`audience "${notUri}" must be an absolute URI, as RFC 8707 demands`);
  const server = await listenTls(options.authority, 'sandbox issuer');
  const domain = `localhost:${server.port}`;
  const url = `https://${domain}/`;
  const clients = new ClientRegistry(options.clients);
  const ledger = new Ledger();
  const faults = new FaultSwitch();
  const stopping = new AbortController();
  let lifetime = options.tokenLifetimeSeconds;
  const provider = await createProvider({
    issuer: url,
    audiences: new Set(options.audiences),
    clients,
    ledger,
    tokenLifetime: () => lifetime,
  });
  const answer = provider.callback();
  server.serve((request, response) => {
    const pass = () => void answer(request, response);
    if (request.url !== TOKEN_PATH) return pass();
    meet({ request, response, pass, signal: stopping.signal }, faults.take(), ledger);
  });
  return {
    url,
    domain,
    jwksUrl: `${url}.well-known/jwks.json`,
    issued: ledger.issued,
    requests: ledger.requests,
    issuedCount: (clientId, audience) => ledger.count(clientId, audience),
    setTokenLifetime: (seconds) => {
      lifetime = seconds;
    },
    addClient: (client) => clients.add(client),
    setClientSecret: (id, secret) => clients.setSecret(id, secret),
    setFault: (fault) => faults.set(fault),
    clearFault: () => faults.set(undefined),
    stop: () => {
      stopping.abort();
      return server.stop();
    },
  };
}

function meet(exchange: Exchange, fault: Fault | undefined, ledger: Ledger): void {
  ledger.requests.total += 1;
  if (fault) {
    ledger.requests.faulted += 1;
    void playFault(fault, exchange);
  } else {
    exchange.pass();
  }
}
