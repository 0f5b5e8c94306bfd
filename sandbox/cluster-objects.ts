import {
  ApiException,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
} from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';

const API_VERSIONS = {
  ConfigMap: 'v1',
  CustomResourceDefinition: 'apiextensions.k8s.io/v1',
  Deployment: 'apps/v1',
  Event: 'events.k8s.io/v1',
  Lease: 'coordination.k8s.io/v1',
  Namespace: 'v1',
  Secret: 'v1',
  ServiceAccount: 'v1',
  TokenBinding: 'tokenbinding.erauner.dev/v1alpha1',
} as const;

export type Kind = keyof typeof API_VERSIONS;

const FIELD_MANAGER = 'sandbox';
const NOT_FOUND = 404;

/** The objects of a cluster, as an administrator sees them. Errors name the object and the HTTP status. */
export class ClusterObjects {
  readonly #api: KubernetesObjectApi;

  /** @param kubeconfig path of a kubeconfig that may do everything */
  constructor(kubeconfig: string) {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    this.#api = KubernetesObjectApi.makeApiClient(config);
  }

  /** Server-side apply, one after the other. @param objects objects, or YAML documents */
  async apply(objects: string | readonly KubernetesObject[]): Promise<void> {
    const list = typeof objects === 'string' ? parseObjects(objects) : objects;
    for (const object of list) {
      const strategy = PatchStrategy.ServerSideApply;
      await this.#call('apply', object, () =>
        this.#api.patch(structuredClone(object), undefined, undefined, FIELD_MANAGER, true, strategy),
      );
    }
  }

  /** A plain POST, as a tool makes it that restores a backup. */
  async create(object: KubernetesObject): Promise<void> {
    const copy = structuredClone(object);
    await this.#call('create', object, () => this.#api.create(copy, undefined, undefined, FIELD_MANAGER));
  }

  /** Undefined when there is none. */
  async get<T extends KubernetesObject>(kind: Kind, namespace: string, name: string): Promise<T | undefined> {
    const header = headerOf(kind, namespace, name);
    try {
      return await this.#call('read', header, () => this.#api.read<T>(header));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async list<T extends KubernetesObject>(kind: Kind, namespace: string): Promise<T[]> {
    const header = headerOf(kind, namespace, '(all)');
    return (await this.#call('list', header, () => this.#api.list<T>(header.apiVersion, kind, namespace)))
      .items;
  }

  /** JSON merge patch (RFC 7396) of an object that is there. */
  async patch(kind: Kind, namespace: string, name: string, change: object): Promise<void> {
    const object = { ...change, ...headerOf(kind, namespace, name) };
    if ('metadata' in change) Object.assign(object.metadata, change.metadata);
    const strategy = PatchStrategy.MergePatch;
    await this.#call('patch', object, () =>
      this.#api.patch(object, undefined, undefined, FIELD_MANAGER, undefined, strategy),
    );
  }

  /** Asks for the deletion; finalizers may delay it. No error when there is none. */
  async delete(kind: Kind, namespace: string, name: string): Promise<void> {
    const header = headerOf(kind, namespace, name);
    try {
      await this.#call('delete', header, () => this.#api.delete(header));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The data of every Secret of the namespace, decoded, by name. */
  async secretsOf(namespace: string): Promise<Map<string, Record<string, string>>> {
    const secrets = await this.list<KubernetesObject & { data?: Record<string, string> }>(
      'Secret',
      namespace,
    );
    return new Map(secrets.map(({ metadata, data = {} }) => [metadata?.name ?? '', decode(data)]));
  }

  /** What the client throws carries the whole exchange, secrets included; what leaves here does not. */
  async #call<T>(verb: string, { kind, metadata }: KubernetesObject, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw new ObjectError(`cannot ${verb} ${kind} ${metadata?.namespace ?? ''}/${metadata?.name}`, error);
    }
  }
}

/** An object could not be read or written. */
export class ObjectError extends Error {
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;

  constructor(what: string, error: unknown) {
    const status = error instanceof ApiException ? error.code : undefined;
    super(`${what}: ${status === undefined ? (error as Error).message : messageOf(status, error)}`);
    this.name = 'ObjectError';
    this.status = status;
  }
}

export function parseObjects(yaml: string): KubernetesObject[] {
  return parseAllDocuments(yaml).map((document) => document.toJS());
}

function headerOf(kind: Kind, namespace: string, name: string) {
  return { apiVersion: API_VERSIONS[kind], kind, metadata: { namespace, name } };
}

const isNotFound = (error: unknown) => error instanceof ObjectError && error.status === NOT_FOUND;

function messageOf(status: number, error: unknown): string {
  const body: unknown = error instanceof ApiException ? error.body : undefined;
  try {
    const parsed: { message?: unknown } = typeof body === 'string' ? JSON.parse(body) : (body ?? {});
    return typeof parsed.message === 'string' ? `${status} ${parsed.message}` : String(status);
  } catch {
    return String(status);
  }
}

function decode(data: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
}
