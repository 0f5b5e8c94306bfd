import type { AdapterPayload, JWK } from 'oidc-provider';

/** How a secret is sent, RFC 6749 §2.3.1. */
export type SecretMethod = 'client_secret_post' | 'client_secret_basic';

interface Application {
  readonly id: string;
  /** Audiences it holds a client grant for; all when absent. */
  readonly grants?: readonly string[];
  /** Whether the client-credentials grant is switched on for it; default true. */
  readonly clientCredentials?: boolean;
}

/** A machine-to-machine application at the issuer that proves itself by a secret. */
export interface IssuerClient extends Application {
  readonly secret: string;
  /** The only way its secret is taken; either when absent. */
  readonly method?: SecretMethod;
}

/** One that proves itself by signed assertions, RFC 7523. */
export interface KeyClient extends Application {
  /** Its public keys: one, or two while they are rotated, as with Auth0. */
  readonly jwks: { readonly keys: readonly JWK[] };
  readonly method?: 'private_key_jwt';
}

const MOST_KEYS = 2;

/** The issuer's clients; a change is in force from the next request on. */
export class ClientRegistry {
  readonly #clients = new Map<string, IssuerClient | KeyClient>();
  /** By client: secrets that work besides the one it has. */
  readonly #alsoAccepted = new Map<string, readonly string[]>();

  constructor(clients: readonly (IssuerClient | KeyClient)[]) {
    for (const client of clients) this.add(client);
  }

  /**
   * Replaces a client of the same id.
   *
   * @throws Error when it has more keys than Auth0 allows
   */
  add(client: IssuerClient | KeyClient): void {
    if ('jwks' in client && client.jwks.keys.length > MOST_KEYS)
      throw new Error(`client "${client.id}" has ${client.jwks.keys.length} keys; register two at most`);
    this.#clients.set(client.id, client);
    this.#alsoAccepted.delete(client.id);
  }

  /** @throws Error when there is no client of that id with a secret */
  setSecret(id: string, secret: string, alsoAccept: readonly string[] = []): void {
    const client = this.#clients.get(id);
    if (!client || !('secret' in client))
      throw new Error(`the issuer has no client "${id}" with a secret; add it with one`);
    this.add({ ...client, secret });
    this.#alsoAccepted.set(id, alsoAccept);
  }

  /** @throws Error when there is no client of that id with keys, or too many keys are given */
  setKeys(id: string, keys: readonly JWK[]): void {
    const client = this.#clients.get(id);
    if (!client || !('jwks' in client))
      throw new Error(`the issuer has no client "${id}" with keys; add it with jwks`);
    this.add({ ...client, jwks: { keys } });
  }

  mayAsk(id: string, audience: string): boolean {
    const client = this.#clients.get(id);
    return client !== undefined && (client.grants?.includes(audience) ?? true);
  }

  accepts(id: string, secret: string, method: SecretMethod): boolean {
    const client = this.#clients.get(id);
    if (!client || !('secret' in client)) return false;
    if (client.method !== undefined && client.method !== method) return false;
    return secret === client.secret || (this.#alsoAccepted.get(id)?.includes(secret) ?? false);
  }

  /** Client metadata as oidc-provider stores it; it caches by content, so a new credential is a new client. */
  metadata(id: string): AdapterPayload | undefined {
    const client = this.#clients.get(id);
    if (!client) return undefined;
    return {
      client_id: client.id,
      grant_types: client.clientCredentials === false ? [] : ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      ...('jwks' in client
        ? { jwks: { keys: [...client.jwks.keys] }, token_endpoint_auth_method: 'private_key_jwt' }
        : {
            client_secret: client.secret,
            token_endpoint_auth_method: client.method ?? 'client_secret_post',
          }),
    };
  }
}
