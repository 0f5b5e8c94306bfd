import type { LeaseStore } from '../../controller/lease-record.ts';
import type { LeaseRecord } from '../../src/kubernetes/lease.ts';

/** What an API server answers to a write that names a version which is no longer the current one. */
class Conflict extends Error {
  readonly status = 409;
}

/** One Lease on an API server with optimistic locking. It counts the requests that reach it. */
export class LeaseMemory {
  record: LeaseRecord | undefined;
  gets = 0;
  writes = 0;
  #version = 0;

  /** A candidate's connection to it, which the test can break. */
  connect(): Connection {
    return new Connection(this);
  }

  read(): LeaseRecord | undefined {
    this.gets += 1;
    return this.record;
  }

  remove(): void {
    this.record = undefined;
  }

  write(record: LeaseRecord): LeaseRecord {
    this.writes += 1;
    if (record.resourceVersion !== this.record?.resourceVersion) throw new Conflict('409');
    this.#version += 1;
    this.record = { ...record, resourceVersion: String(this.#version) };
    return this.record;
  }
}

/** `refused`: the server says 500. `silent`: no answer ever comes, `lost`: nor to what was carried out. */
type Fault = 'refused' | 'silent' | 'lost';

export class Connection implements LeaseStore {
  fault: Fault | undefined;
  requests = 0;
  readonly #memory: LeaseMemory;

  constructor(memory: LeaseMemory) {
    this.#memory = memory;
  }

  get(): Promise<LeaseRecord | undefined> {
    return this.#send(() => this.#memory.read());
  }

  create(record: LeaseRecord): Promise<LeaseRecord> {
    return this.#send(() => this.#memory.write(record));
  }

  update(record: LeaseRecord): Promise<LeaseRecord> {
    return this.#send(() => this.#memory.write(record));
  }

  async #send<T>(carryOut: () => T): Promise<T> {
    this.requests += 1;
    if (this.fault === 'refused') throw new Error('500');
    if (this.fault === 'silent') return new Promise(() => {});
    const result = carryOut();
    if (this.fault === 'lost') throw new Error('connection reset');
    return result;
  }
}
