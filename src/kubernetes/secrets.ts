import { CREDENTIAL_LABEL, MANAGER, TOKEN_LABEL } from '../binding/names.ts';
import { SecretValue } from '../secret-value.ts';
import { hasReason } from './api-error.ts';
import { APPLY_PATCH, type Call, JSON_PATCH, type KubernetesClient } from './client.ts';
import { type CacheOptions, InformerGroup } from './informer-group.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { handOver } from './managed-fields.ts';
import { keyOf, type ObjectRef } from './object-ref.ts';
import type { Place, Resource } from './resource.ts';
import { type SecretManifest, type SecretVersion, toBody } from './secret-manifest.ts';
import { METADATA, METADATA_LIST, type SecretMetadata, toSecretMetadata } from './secret-metadata.ts';

const RESOURCE: Resource = { apiVersion: 'v1', plural: 'secrets' };

/** A Secret as read at one moment. */
export interface SecretReading {
  readonly metadata: SecretMetadata;
  readonly data: ReadonlyMap<string, SecretValue>;
}

/**
 * The Secrets that bindings may use and those this controller owns. Metadata is watched, values are read
 * when needed and never cached.
 */
export class Secrets {
  readonly #client: KubernetesClient;
  readonly #caches: ReadonlyMap<string, InformerGroup<SecretMetadata>>;

  constructor(options: CacheOptions) {
    this.#client = options.client;
    this.#caches = new Map([CREDENTIAL_LABEL, TOKEN_LABEL].map((label) => [label, groupOf(label, options)]));
  }

  get hasSynced(): boolean {
    return this.#groups().every((group) => group.hasSynced);
  }

  start(): void {
    for (const group of this.#groups()) group.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#groups().map((group) => group.stop()));
  }

  /** The last known metadata of a Secret with one of the two labels; others are not known here. */
  metadata(ref: ObjectRef): SecretMetadata | undefined {
    const known = this.#groups().map((group) => group.get(keyOf(ref)));
    return known.filter((metadata) => metadata !== undefined).reduce(later, undefined);
  }

  /**
   * Told every change of a labelled Secret; a Secret with both labels is told twice.
   *
   * @param handler `own`: it was a write of this process
   */
  onChange(handler: (key: string, own: boolean) => void): void {
    for (const group of this.#groups()) group.onChange((key, _previous, _current, own) => handler(key, own));
  }

  /**
   * Reads a Secret now, labelled or not.
   *
   * @throws ApiError, but not when it does not exist
   */
  async read(ref: ObjectRef, signal?: AbortSignal): Promise<SecretReading | undefined> {
    try {
      const call: Call = { verb: 'get', at: placeOf(ref), signal };
      const secret = await this.#client.call<KubernetesObject & { data?: Record<string, string> }>(call);
      const data = Object.entries(secret.data ?? {}).map(([key, value]) => [key, decode(value)] as const);
      return { metadata: toSecretMetadata(secret), data: new Map(data) };
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /**
   * Creates the Secret, and never merges into one that is there already, as an apply would.
   *
   * @throws ApiError, `AlreadyExists` when there is one of that name
   */
  async create(manifest: SecretManifest, signal?: AbortSignal): Promise<SecretMetadata> {
    const { namespace } = manifest.ref;
    const at: Place = { resource: RESOURCE, namespace };
    const created = await this.#write({ verb: 'create', at, body: toBody(manifest), signal });
    // Created is what counts: a hand-over that fails here is made up for by the next apply.
    return this.#handOver(created, signal).catch(() => created);
  }

  /**
   * Makes the fields we own what the manifest says; labels and keys of others stay.
   *
   * @param version what the decision to write was based on; the uid keeps the apply from creating a Secret
   *   when there is none any more, the resourceVersion from overwriting a newer one
   * @throws ApiError, `Conflict` when the Secret is no longer that version, or gone
   */
  async apply(
    manifest: SecretManifest,
    version: SecretVersion,
    signal?: AbortSignal,
  ): Promise<SecretMetadata> {
    const known = this.metadata(manifest.ref);
    const looksSame = known?.resourceVersion === version.resourceVersion;
    const { uid, resourceVersion } = looksSame ? await this.#handOver(known, signal) : version;
    return this.#write({
      verb: 'patch',
      at: placeOf(manifest.ref),
      contentType: APPLY_PATCH,
      query: { force: true },
      body: toBody(manifest, { uid, resourceVersion }),
      signal,
    });
  }

  /**
   * Deletes the Secret at that version; one that is gone already is fine.
   *
   * @throws ApiError, `Conflict` when it is no longer that version
   */
  async remove(ref: ObjectRef, { uid, resourceVersion }: SecretVersion, signal?: AbortSignal): Promise<void> {
    const body = { preconditions: { uid, resourceVersion } };
    await this.#client.call({ verb: 'delete', at: placeOf(ref), body, signal }).catch((error: unknown) => {
      if (!hasReason(error, 'NotFound')) throw error;
    });
  }

  /** Gives our applies what is theirs alone to drop; does nothing when that was done before. */
  async #handOver(known: SecretMetadata, signal: AbortSignal | undefined): Promise<SecretMetadata> {
    if (known.awaitingHandOver === undefined) return known;
    return this.#write({
      verb: 'patch',
      at: placeOf(known.ref),
      contentType: JSON_PATCH,
      body: [
        { op: 'replace', path: '/metadata/managedFields', value: handOver(MANAGER, known.awaitingHandOver) },
        { op: 'replace', path: '/metadata/resourceVersion', value: known.resourceVersion },
      ],
      signal,
    });
  }

  async #write(call: Call): Promise<SecretMetadata> {
    const query = { ...call.query, fieldManager: MANAGER };
    const answer = await this.#client.call<KubernetesObject>({ ...call, query, accept: METADATA });
    for (const [label, group] of this.#caches) {
      if (answer.metadata.labels?.[label] === 'true') group.absorb(answer);
    }
    return toSecretMetadata(answer);
  }

  #groups(): InformerGroup<SecretMetadata>[] {
    return [...this.#caches.values()];
  }
}

function groupOf(label: string, options: CacheOptions): InformerGroup<SecretMetadata> {
  const selection = {
    resource: RESOURCE,
    labelSelector: `${label}=true`,
    listAccept: METADATA_LIST,
    watchAccept: METADATA,
  };
  return new InformerGroup(options, selection, toSecretMetadata);
}

function later(left: SecretMetadata | undefined, right: SecretMetadata): SecretMetadata {
  if (left === undefined) return right;
  return BigInt(left.resourceVersion) > BigInt(right.resourceVersion) ? left : right;
}

function placeOf(ref: ObjectRef): Place {
  return { resource: RESOURCE, namespace: ref.namespace, name: ref.name };
}

/** Values of Secrets are bytes; credentials are text. */
function decode(base64: string): SecretValue {
  return new SecretValue(Buffer.from(base64, 'base64').toString('utf8'));
}
