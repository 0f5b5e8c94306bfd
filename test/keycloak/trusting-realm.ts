import { type CryptoKey, exportJWK, generateKeyPair } from 'jose';
import { type ControlPlane, resolveBinaries, startControlPlane } from '../../sandbox/control-plane/index.ts';
import { publishServiceAccountIssuer } from '../../sandbox/keycloak/cluster-trust.ts';
import { type Keycloak, startKeycloak } from '../../sandbox/keycloak/keycloak.ts';
import { type Authority, createAuthority } from '../../sandbox/pki.ts';
import { createTrustingFetch, type TrustingFetch } from '../../sandbox/trusting-fetch.ts';

export const AUDIENCE = 'https://api.acme.dev';
export const SCOPE = 'orders';
export const LIFETIME_SECONDS = 90;
export const SECRET = 'canary-keycloak-secret';

/** A realm of Keycloak that trusts a cluster, and no controller. Its clients: by-secret, by-key, by-account. */
export interface TrustingRealm {
  readonly keycloak: Keycloak;
  readonly plane: ControlPlane;
  readonly authority: Authority;
  readonly trusting: TrustingFetch;
  /** Private keys of the client by-key, by algorithm. */
  readonly keys: Readonly<Record<'RS256' | 'ES256', CryptoKey>>;
  kubectl(args: string): Promise<string>;
  /** Posts to the token endpoint. */
  askForToken(form: Readonly<Record<string, string>>): Promise<{ status: number; body: TokenAnswer }>;
  stop(): Promise<void>;
}

/** What the tests read of an answer of the token endpoint (RFC 6749 §5). */
export interface TokenAnswer {
  readonly access_token?: string;
  readonly expires_in?: number;
  readonly scope?: string;
  readonly error?: string;
}

export async function startTrustingRealm(): Promise<TrustingRealm> {
  const stack = new AsyncDisposableStack();
  try {
    return await start(stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function start(stack: AsyncDisposableStack): Promise<TrustingRealm> {
  const { env, stderr: progress } = process;
  const plane = await startControlPlane({ binaries: await resolveBinaries(env, { progress }) });
  stack.defer(() => plane.stop());
  const [rsa, ec] = await Promise.all([generateKeyPair('RS256'), generateKeyPair('ES256')]);
  const publicKeys = await Promise.all([
    exportJWK(rsa.publicKey).then((jwk) => ({ ...jwk, kid: 'rsa' })),
    exportJWK(ec.publicKey).then((jwk) => ({ ...jwk, kid: 'ec' })),
  ]);
  const authority = await createAuthority('keycloak test');
  const keycloak = await startKeycloak({
    ...{ env, progress, authority, trusted: [plane.caPem] },
    realm: {
      name: 'acme',
      audience: AUDIENCE,
      scopes: [SCOPE],
      tokenLifetimeSeconds: LIFETIME_SECONDS,
      serviceAccountIssuer: await publishServiceAccountIssuer(plane),
      clients: [
        { id: 'by-secret', secret: SECRET },
        { id: 'by-key', publicKeys },
        { id: 'by-account', account: { namespace: 'team-a', serviceAccount: 'workload' } },
      ],
    },
  });
  stack.defer(() => keycloak.stop());
  const trusting = createTrustingFetch(authority.certPem);
  stack.defer(() => trusting.close());
  return {
    ...{ keycloak, plane, authority, trusting, keys: { RS256: rsa.privateKey, ES256: ec.privateKey } },
    kubectl: async (args) => {
      const { code, stdout, stderr } = await plane.kubectl(args.split(' '));
      if (code !== 0) throw new Error(`kubectl ${args}: ${stderr}`);
      return stdout.trim();
    },
    askForToken: async (form) => {
      const body = new URLSearchParams({ grant_type: 'client_credentials', ...form });
      const response = await trusting.fetch(keycloak.tokenEndpoint, { method: 'POST', body });
      return { status: response.status, body: (await response.json()) as TokenAnswer };
    },
    stop: () => stack.disposeAsync(),
  };
}
