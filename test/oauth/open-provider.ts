import { randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, {
  type Adapter,
  type AdapterPayload,
  type ClientMetadata,
  type JWK,
  type KoaContextWithOIDC,
} from 'oidc-provider';
import type { Authority } from '../../sandbox/pki.ts';
import { listenTls } from '../../sandbox/tls-server.ts';

/** A certified OpenID provider as its authors ship it: every client authentication, replay detection, discovery. */
export interface OpenProvider {
  /** The issuer identifier, without a slash at its end. */
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** What the token endpoint was sent in bodies, the oldest first. */
  readonly forms: readonly Record<string, unknown>[];
  stop(): Promise<void>;
}

/** @param clients with client_id and how they authenticate; the rest is filled in for client credentials */
export async function startOpenProvider(
  authority: Authority,
  clients: readonly ClientMetadata[],
): Promise<OpenProvider> {
  const server = await listenTls(authority, 'open provider');
  const issuer = `https://localhost:${server.port}`;
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const provider = new Provider(issuer, {
    adapter: memory,
    ttl: { ClientCredentials: () => 3600 },
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'k', alg: 'RS256', use: 'sig' } as JWK] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'RS384', 'PS256', 'PS384', 'ES256', 'ES384'] },
    scopes: ['read:orders', 'write:orders'],
    features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true } },
    clients: clients.map((client) => ({
      ...{ grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
      ...{ scope: 'read:orders write:orders', ...client },
    })),
  });
  const forms: Record<string, unknown>[] = [];
  provider.use(async (ctx, next) => {
    await next();
    const { body } = (ctx as KoaContextWithOIDC).oidc;
    if (ctx.path === '/token') forms.push({ ...body });
  });
  const answer = provider.callback();
  server.serve((request, response) => void answer(request, response));
  return { issuer, tokenEndpoint: `${issuer}/token`, forms, stop: server.stop };
}

/** Remembers what one kind of model stores, which is what replays are detected by. */
function memory(): Adapter {
  const stored = new Map<string, AdapterPayload>();
  const nothing = async () => undefined;
  return {
    find: async (id) => stored.get(id),
    upsert: async (id, payload) => void stored.set(id, payload),
    destroy: async (id) => void stored.delete(id),
    findByUid: nothing,
    findByUserCode: nothing,
    consume: nothing,
    revokeByGrantId: nothing,
  };
}
