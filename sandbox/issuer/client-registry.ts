import type { Adapter, AdapterPayload } from 'oidc-provider';

/** A machine-to-machine application at the issuer. */
export interface IssuerClient {
  readonly id: string;
  readonly secret: string;
  /** Audiences it holds a client grant for; all when absent. */
  readonly grants?: readonly string[];
  /** Whether the client-credentials grant is switched on for it; default true. */
  readonly clientCredentials?: boolean;
}

/** The issuer's clients; a change is in force from the next request on. */
export class ClientRegistry {
  readonly #clients: Map<string, IssuerClient>;

  constructor(clients: readonly IssuerClient[]) {
    this.#clients = new Map(clients.map((client) => [client.id, client]));
  }

  /** Replaces a client of the same id. */
  add(client: IssuerClient): void {
    this.#clients.set(client.id, client);
  }

  /** @throws Error when there is no such client */
  setSecret(id: string, secret: string): void {
    const client = this.#clients.get(id);
    if (!client) throw new Error(`the issuer has no client "${id}"; pass it to startIssuer`);
    this.#clients.set(id, { ...client, secret });
  }

  mayAsk(id: string, audience: string): boolean {
    const client = this.#clients.get(id);
    return client !== undefined && (client.grants?.includes(audience) ?? true);
  }

  /** Client metadata as oidc-provider stores it; it caches by content, so a new secret is a new client. */
  #metadata(id: string): AdapterPayload | undefined {
    const client = this.#clients.get(id);
    if (!client) return undefined;
    return {
      client_id: client.id,
      client_secret: client.secret,
      grant_types: client.clientCredentials === false ? [] : ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_post',
    };
  }

  /** The store behind oidc-provider: clients are all it asks for, JWT access tokens are not kept. */
  adapter(): Adapter {
    const nothing = async () => undefined;
    return {
      find: async (id) => this.#metadata(id),
      findByUid: nothing,
      findByUserCode: nothing,
      upsert: nothing,
      consume: nothing,
      destroy: nothing,
      revokeByGrantId: nothing,
    };
  }
}
