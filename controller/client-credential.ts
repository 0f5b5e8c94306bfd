import type { CredentialUsed } from '../src/binding/progress.ts';
import type { TokenBinding, TokenBindingSpec } from '../src/binding/token-binding.ts';
import type { ClientAuthentication } from '../src/oauth/client-authentication.ts';
import type { SecretValue } from '../src/secret-value.ts';
import { readCredential, valueAt } from './credential.ts';
import { keyOfBinding, type World } from './world.ts';

/** The Secret that a client authenticates with, and its keys. */
export interface CredentialRef {
  readonly name: string;
  readonly clientIdKey: string;
  /** Of the client secret or private key. */
  readonly proofKey: string;
  /** Of its successor while it is rotated; need not be there. */
  readonly nextProofKey: string;
}

/** Where the stored credential of a spec is; undefined for a client without one. */
export function credentialRefOf({ clientAuthentication }: TokenBindingSpec): CredentialRef | undefined {
  const { clientSecret, privateKeyJwt } = clientAuthentication;
  if (clientSecret) {
    const { name, clientIdKey, clientSecretKey, nextClientSecretKey } = clientSecret.secretRef;
    return { name, clientIdKey, proofKey: clientSecretKey, nextProofKey: nextClientSecretKey };
  }
  if (!privateKeyJwt) return undefined;
  const { name, clientIdKey, privateKeyKey, nextPrivateKeyKey } = privateKeyJwt.secretRef;
  return { name, clientIdKey, proofKey: privateKeyKey, nextProofKey: nextPrivateKeyKey };
}

/** One way in which a client can prove who it is. */
export interface Proof {
  readonly used: CredentialUsed;
  readonly client: ClientAuthentication;
}

/** A client with every proof it has, the current one first. */
export interface Client {
  /** As in `CredentialFact`. */
  readonly version: string;
  readonly clientId: string;
  readonly proofs: readonly [Proof, ...Proof[]];
}

/**
 * Reads or requests what the client of a binding authenticates with.
 *
 * @throws FailureError as `readCredential` and `ServiceAccountTokens.request` do
 */
export async function openClient(world: World, binding: TokenBinding, signal: AbortSignal): Promise<Client> {
  const { spec, metadata } = binding;
  const account = spec.clientAuthentication.serviceAccountToken;
  if (account) {
    const { serviceAccountName: name, audience, expirationSeconds, clientId } = account;
    const request = { namespace: metadata.namespace, name, audience, expirationSeconds };
    const assertion = await world.serviceAccountTokens.request(request, signal);
    const client = { type: 'Assertion', clientId, assertion } as const;
    return { version: accountVersion(name), clientId, proofs: [{ used: 'Current', client }] };
  }
  const reference = credentialRefOf(spec);
  // The schema demands one: a binding without is of a later version of the API than this controller.
  if (!reference) throw new Error('the binding names a client authentication unknown here');
  const { name, clientIdKey, proofKey, nextProofKey } = reference;
  const ref = { namespace: metadata.namespace, name };
  const keys = [clientIdKey, proofKey];
  const credential = await readCredential(world.secrets, { ref, keys, optional: [nextProofKey] }, signal);
  const clientId = valueAt(credential, clientIdKey).reveal();
  const proof = (used: CredentialUsed, value: SecretValue): Proof => ({
    used,
    client: clientWith(spec, clientId, value),
  });
  const next = credential.values.get(nextProofKey);
  const current = proof('Current', valueAt(credential, proofKey));
  const { version } = credential;
  world.memory.clients.set(keyOfBinding(binding), { version, clientIdKey, clientId });
  return { version, clientId, proofs: next ? [current, proof('Next', next)] : [current] };
}

/** Stands for a client without a stored credential, whose every token is new. */
export const accountVersion = (name: string) => `serviceaccount/${name}`;

function clientWith(spec: TokenBindingSpec, clientId: string, value: SecretValue): ClientAuthentication {
  const { clientSecret, privateKeyJwt } = spec.clientAuthentication;
  if (!privateKeyJwt)
    return { type: 'ClientSecret', method: clientSecret?.method ?? 'Post', clientId, clientSecret: value };
  const { algorithm, keyId } = privateKeyJwt;
  const { assertionAudience = spec.source.oauth2?.tokenEndpoint ? 'TokenEndpoint' : 'Issuer' } =
    privateKeyJwt;
  const known = keyId === undefined ? {} : { keyId };
  return { type: 'PrivateKeyJwt', clientId, privateKey: value, algorithm, ...known, assertionAudience };
}
