import type { EpochMs } from '../clock.ts';
import { hasReason } from './api-error.ts';
import type { Call, KubernetesClient } from './client.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { fromMicroTime, microTime } from './micro-time.ts';
import type { ObjectRef } from './object-ref.ts';
import type { Place, Resource } from './resource.ts';

/** What a coordination.k8s.io/v1 Lease says. */
export interface LeaseRecord {
  /** Empty when the last holder gave it back. */
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly acquireTime: EpochMs;
  readonly renewTime: EpochMs;
  /** How often the holder changed. */
  readonly leaseTransitions: number;
  /** The version this was read at, which `update` must still find; absent in one to be created. */
  readonly resourceVersion?: string;
}

const RESOURCE: Resource = { apiVersion: 'coordination.k8s.io/v1', plural: 'leases' };

/** Half of the usual renew deadline: a call that hangs must leave time for a second one. */
const DEADLINE_MS = 5_000;

interface Lease extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** One Lease. Every call fails with an `ApiError` after at most 5 s. */
export class LeaseStore {
  readonly #client: KubernetesClient;
  readonly #ref: ObjectRef;
  /** Labels and annotations as last seen: an update replaces the object and must give them back. */
  #metadata: Pick<KubernetesObject['metadata'], 'labels' | 'annotations'> = {};

  constructor(client: KubernetesClient, ref: ObjectRef) {
    this.#client = client;
    this.#ref = ref;
  }

  /** The Lease now; undefined when there is none. */
  async get(signal?: AbortSignal): Promise<LeaseRecord | undefined> {
    try {
      return await this.#send({ verb: 'get', at: this.#place(), signal });
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /** @throws ApiError, status 409 when there is one already */
  create(record: LeaseRecord, signal?: AbortSignal): Promise<LeaseRecord> {
    const at = { resource: RESOURCE, namespace: this.#ref.namespace };
    return this.#send({ verb: 'create', at, body: this.#body(record), signal });
  }

  /** @throws ApiError, status 409 when it has changed since `record.resourceVersion` */
  update(record: LeaseRecord, signal?: AbortSignal): Promise<LeaseRecord> {
    return this.#send({ verb: 'update', at: this.#place(), body: this.#body(record), signal });
  }

  async #send(call: Call): Promise<LeaseRecord> {
    const lease = await this.#client.call<Lease>({ ...call, deadlineMs: DEADLINE_MS });
    const { labels = {}, annotations = {} } = lease.metadata;
    this.#metadata = { labels, annotations };
    return read(lease);
  }

  #place(): Place {
    return { resource: RESOURCE, namespace: this.#ref.namespace, name: this.#ref.name };
  }

  #body({ acquireTime, renewTime, ...record }: LeaseRecord): object {
    const { resourceVersion, ...spec } = record;
    return {
      apiVersion: RESOURCE.apiVersion,
      kind: 'Lease',
      metadata: { ...this.#metadata, ...this.#ref, resourceVersion },
      spec: { ...spec, acquireTime: microTime(acquireTime), renewTime: microTime(renewTime) },
    };
  }
}

/** A Lease without a spec, or with parts missing, reads as long expired and held by nobody. */
function read({ metadata, spec = {} }: Lease): LeaseRecord {
  return {
    holderIdentity: spec.holderIdentity ?? '',
    leaseDurationSeconds: spec.leaseDurationSeconds ?? 0,
    acquireTime: fromMicroTime(spec.acquireTime) ?? 0,
    renewTime: fromMicroTime(spec.renewTime) ?? 0,
    leaseTransitions: spec.leaseTransitions ?? 0,
    resourceVersion: metadata.resourceVersion,
  };
}
