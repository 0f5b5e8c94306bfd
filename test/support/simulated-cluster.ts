import type { World } from '../../controller/world.ts';
import { CREDENTIAL_LABEL } from '../../src/binding/names.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { ApiError, type Refusal } from '../../src/kubernetes/api-error.ts';
import type { ObjectRef } from '../../src/kubernetes/object-ref.ts';
import type { SecretManifest, SecretVersion } from '../../src/kubernetes/secret-manifest.ts';
import type { SecretMetadata } from '../../src/kubernetes/secret-metadata.ts';
import type { SecretReading } from '../../src/kubernetes/secrets.ts';
import { SecretValue } from '../../src/secret-value.ts';

/** What an API server does to calls: refuses to write Secrets, or gives no answer at all. */
export type ClusterTrouble = 'refuses' | 'away';

/** The part of a world that is the cluster. */
export type ClusterWorld = Pick<World, 'bindings' | 'secrets'>;

const SECRETS = { resource: { apiVersion: 'v1', plural: 'secrets' } };
const REFUSALS: Readonly<Record<ClusterTrouble | 'conflict', Refusal>> = {
  refuses: { status: 403, reason: 'Forbidden' },
  away: { status: 0, reason: 'ECONNREFUSED' },
  conflict: { status: 409, reason: 'Conflict' },
};

/** Bindings and Secrets in plain maps, seen by everybody at once; answers take no time. */
export class SimulatedCluster implements ClusterWorld {
  readonly #bindings = new Map<string, TokenBinding>();
  readonly #secrets = new Map<string, SecretReading>();
  readonly #trouble: () => ClusterTrouble | undefined;
  readonly #onStored: (key: string, token: string) => void;
  #version = 100;

  /**
   * @param trouble what is wrong now
   * @param onStored told the token that a binding's Secret holds now, by the name of the Secret
   */
  constructor(trouble: () => ClusterTrouble | undefined, onStored: (secret: string, token: string) => void) {
    this.#trouble = trouble;
    this.#onStored = onStored;
  }

  readonly bindings: World['bindings'] = {
    get: (key) => this.#bindings.get(key),
    list: () => [...this.#bindings.values()],
    patchStatus: async (ref, _uid, status) => this.#change(keyOf(ref), (binding) => ({ ...binding, status })),
    // No binding of a simulation has anything to clean up.
    addFinalizer: async (binding) => binding,
    removeFinalizer: async (binding) => binding,
  };

  readonly secrets: World['secrets'] = {
    metadata: (ref) => this.#secrets.get(keyOf(ref))?.metadata,
    read: async (ref) => {
      this.#answer('get');
      return this.#secrets.get(keyOf(ref));
    },
    create: async (manifest) => this.#write(manifest),
    apply: async (manifest, version) => this.#write(manifest, version),
    remove: async (ref) => {
      this.#answer('patch');
      this.#secrets.delete(keyOf(ref));
    },
  };

  add(binding: TokenBinding): void {
    this.#bindings.set(keyOf(binding.metadata), binding);
  }

  /** A Secret with a credential, released for use. */
  addCredential(ref: ObjectRef, data: Readonly<Record<string, string>>): void {
    const values = Object.entries(data).map(([key, value]) => [key, new SecretValue(value)] as const);
    this.#store({ ref, labels: { [CREDENTIAL_LABEL]: 'true' }, annotations: {}, data: new Map(values) });
  }

  /** What a person does to a spec; happens whatever trouble there is. */
  edit(key: string, change: (spec: TokenBinding['spec']) => TokenBinding['spec']): void {
    const binding = this.#bindings.get(key);
    if (!binding) throw new Error(`there is no ${key}`);
    const { metadata, spec } = binding;
    const generation = metadata.generation + 1;
    const next = { ...metadata, generation, resourceVersion: this.#nextVersion() };
    this.#bindings.set(key, { ...binding, metadata: next, spec: change(spec) });
  }

  #change(key: string, change: (binding: TokenBinding) => TokenBinding): TokenBinding {
    this.#answer('patch');
    const binding = this.#bindings.get(key);
    if (!binding) throw new Error(`there is no ${key}`);
    const { metadata, ...rest } = change(binding);
    const changed = { ...rest, metadata: { ...metadata, resourceVersion: this.#nextVersion() } };
    this.#bindings.set(key, changed);
    return changed;
  }

  #write(manifest: SecretManifest, version?: SecretVersion): SecretMetadata {
    this.#answer('patch');
    if (this.#trouble() === 'refuses') throw errorOf('refuses', 'patch');
    const known = this.#secrets.get(keyOf(manifest.ref));
    if (known?.metadata.resourceVersion !== version?.resourceVersion) throw errorOf('conflict', 'patch');
    const stored = this.#store(manifest);
    for (const value of manifest.data.values()) this.#onStored(manifest.ref.name, value.reveal());
    return stored;
  }

  #store(content: Omit<SecretManifest, 'ownerReferences'> & Partial<SecretManifest>): SecretMetadata {
    const { ref, labels, annotations, ownerReferences = [], data } = content;
    const uid = `uid-of-${ref.name}`;
    const metadata = { ref, uid, resourceVersion: this.#nextVersion(), labels, annotations, ownerReferences };
    this.#secrets.set(keyOf(ref), { metadata, data });
    return metadata;
  }

  #answer(verb: 'get' | 'patch'): void {
    if (this.#trouble() === 'away') throw errorOf('away', verb);
  }

  #nextVersion(): string {
    this.#version += 1;
    return String(this.#version);
  }
}

const errorOf = (what: keyof typeof REFUSALS, verb: 'get' | 'patch') =>
  new ApiError({ verb, at: SECRETS }, REFUSALS[what]);

const keyOf = ({ namespace, name }: ObjectRef) => `${namespace}/${name}`;
