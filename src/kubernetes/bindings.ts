import { FINALIZER, GROUP, MANAGER } from '../binding/names.ts';
import type { TokenBinding, TokenBindingStatus } from '../binding/token-binding.ts';
import { type Call, JSON_PATCH, type KubernetesClient, MERGE_PATCH } from './client.ts';
import { type CacheOptions, InformerGroup } from './informer-group.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import type { ObjectRef, ObjectReference } from './object-ref.ts';
import type { Place, Resource } from './resource.ts';
import type { ChangeHandler } from './store.ts';

const RESOURCE: Resource = { apiVersion: `${GROUP}/v1alpha1`, plural: 'tokenbindings' };
const KIND = 'TokenBinding';

/** kubectl keeps a second copy of the whole object here. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** The TokenBindings of the watched namespaces, and the writes that this controller makes to them. */
export class TokenBindings {
  readonly #client: KubernetesClient;
  readonly #cache: InformerGroup<TokenBinding>;

  constructor(options: CacheOptions) {
    this.#client = options.client;
    this.#cache = new InformerGroup(options, { resource: RESOURCE }, project);
  }

  get hasSynced(): boolean {
    return this.#cache.hasSynced;
  }

  /** @param key `namespace/name` */
  get(key: string): TokenBinding | undefined {
    return this.#cache.get(key);
  }

  list(): TokenBinding[] {
    return this.#cache.list();
  }

  onChange(handler: ChangeHandler<TokenBinding>): void {
    this.#cache.onChange(handler);
  }

  start(): void {
    this.#cache.start();
  }

  stop(): Promise<void> {
    return this.#cache.stop();
  }

  /**
   * Makes the status what is given, and only on the object that was looked at: not on one created anew
   * under its name since. A JSON patch, because a server-side apply of a status ignores the uid it names.
   *
   * @throws ApiError, `NotFound` when there is no binding of that name, `Invalid` when it is another one
   */
  patchStatus(
    ref: ObjectRef,
    uid: string,
    status: TokenBindingStatus,
    signal?: AbortSignal,
  ): Promise<TokenBinding> {
    const body = [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'add', path: '/status', value: status },
    ];
    return this.#patch({
      at: { ...placeOf(ref), subresource: 'status' },
      contentType: JSON_PATCH,
      body,
      signal,
    });
  }

  /** @throws ApiError, `Conflict` when the object has changed since it was looked at */
  addFinalizer(binding: TokenBinding, signal?: AbortSignal): Promise<TokenBinding> {
    const others = withoutOurs(binding);
    return this.#patchFinalizers(binding, [...others, FINALIZER], signal);
  }

  /** @throws ApiError, `Conflict` when the object has changed since it was looked at */
  removeFinalizer(binding: TokenBinding, signal?: AbortSignal): Promise<TokenBinding> {
    return this.#patchFinalizers(binding, withoutOurs(binding), signal);
  }

  #patchFinalizers(
    { metadata }: TokenBinding,
    finalizers: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<TokenBinding> {
    const { uid, resourceVersion } = metadata;
    const body = { metadata: { uid, resourceVersion, finalizers } };
    return this.#patch({ at: placeOf(metadata), contentType: MERGE_PATCH, body, signal });
  }

  async #patch(patch: Omit<Call, 'verb'>): Promise<TokenBinding> {
    const call: Call = { ...patch, verb: 'patch', query: { fieldManager: MANAGER } };
    const answer = await this.#client.call<KubernetesObject>(call);
    this.#cache.absorb(answer);
    return project(answer);
  }
}

/** How events name a binding. */
export function referenceTo({ metadata }: TokenBinding): ObjectReference {
  const { namespace, name, uid } = metadata;
  return { apiVersion: RESOURCE.apiVersion, kind: KIND, namespace, name, uid };
}

function placeOf(ref: ObjectRef): Place {
  return { resource: RESOURCE, namespace: ref.namespace, name: ref.name };
}

function withoutOurs({ metadata }: TokenBinding): string[] {
  return (metadata.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
}

/** A third of the object's size: what other managers own and kubectl's copy are left out. */
function project(object: KubernetesObject): TokenBinding {
  const { spec, status, metadata } = object as KubernetesObject & TokenBinding;
  const { name, namespace, uid, resourceVersion, generation, finalizers, deletionTimestamp } = metadata;
  const { [LAST_APPLIED]: _, ...annotations } = metadata.annotations ?? {};
  return {
    apiVersion: RESOURCE.apiVersion,
    kind: KIND,
    metadata: {
      ...{ name, namespace, uid, resourceVersion, generation, annotations },
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    spec,
    ...(status === undefined ? {} : { status }),
  };
}
