import { randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import type { JWK } from 'oidc-provider';
import type { World } from '../../sandbox/world.ts';
import type { ClientAuthentication } from '../../src/binding/token-binding.generated.ts';
import type { SourceTenant } from './source-tenant.ts';

/** A client of the issuer and the Secret with its credential, for the steps in which the credential is rotated. */
export interface RotatingClient {
  readonly id: string;
  /** `spec.clientAuthentication` of its bindings, as a person writes it. */
  readonly authentication: Written<ClientAuthentication>;
  /** The issuer takes both credentials from now on, or only the new one. */
  acceptBoth(): void;
  acceptNewOnly(): void;
  /** Writes the new credential beside the current one. */
  offer(): Promise<void>;
  /** Makes the new credential the current one, and the only one. */
  promote(): Promise<void>;
  /** Everything of it that must never be shown, by name. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** Fields with defaults may be left out. */
type Written<T> = { readonly [K in keyof T]?: T[K] extends string | undefined ? T[K] : Written<T[K]> };

interface Place {
  readonly world: World;
  readonly owner: SourceTenant;
  /** Of the client and of its Secret. */
  readonly id: string;
}

/** A client that proves itself by a secret. */
export async function createSecretClient(place: Place): Promise<RotatingClient> {
  const { world, id } = place;
  const { issuer } = world.outside;
  const [current, next] = [newSecret(), newSecret()];
  issuer.addClient({ id, secret: current });
  return {
    id,
    authentication: { clientSecret: { secretRef: { name: id } } },
    acceptBoth: () => issuer.setClientSecret(id, next, { alsoAccept: [current] }),
    acceptNewOnly: () => issuer.setClientSecret(id, next),
    ...(await createCredential(place, 'client_secret', { current, next })),
    secrets: { 'current client secret': current, 'next client secret': next },
  };
}

/** A client that proves itself by assertions, signed with a key that carries its own id. */
export async function createKeyClient(place: Place): Promise<RotatingClient> {
  const { world, id } = place;
  const { issuer } = world.outside;
  const [current, next] = [await newKey('first'), await newKey('second')];
  issuer.addClient({ id, jwks: { keys: [current.publicKey] } });
  return {
    id,
    authentication: { privateKeyJwt: { secretRef: { name: id }, algorithm: 'ES256' } },
    acceptBoth: () => issuer.setClientKeys(id, [current.publicKey, next.publicKey]),
    acceptNewOnly: () => issuer.setClientKeys(id, [next.publicKey]),
    ...(await createCredential(place, 'private_key', { current: current.text, next: next.text })),
    secrets: { 'current private key': current.secret, 'next private key': next.secret },
  };
}

export const newSecret = () => `canary-${randomBytes(16).toString('hex')}`;

async function newKey(kid: string) {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const privateKey = await exportJWK(pair.privateKey);
  const publicKey = { ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256', use: 'sig' } as JWK;
  return { publicKey, secret: String(privateKey.d), text: JSON.stringify({ ...privateKey, kid }) };
}

/** Creates the Secret of a client, with its current credential under `key`. */
async function createCredential(
  { world, owner, id }: Place,
  key: string,
  { current, next }: { current: string; next: string },
): Promise<Pick<RotatingClient, 'offer' | 'promote'>> {
  const patch = (change: object) => world.objects.patch('Secret', owner.tenant.namespace, id, change);
  await owner.writeCredential(id, { client_id: id, [key]: current });
  return {
    offer: () => patch({ stringData: { [`next_${key}`]: next } }),
    promote: () => patch({ stringData: { [key]: next }, data: { [`next_${key}`]: null } }),
  };
}
