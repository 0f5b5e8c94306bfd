import { ApiError } from './api-error.ts';
import type { Behaviour } from './behaviour.ts';
import { leaseNonce } from './identifier.ts';

/** An exclusive right to change one machine until `expiresAtMs`. */
export interface Lease {
  readonly nonce: string;
  readonly expiresAtMs: number;
  readonly owner: string;
  readonly description: string;
}

/** What an acquiring request asks for. */
export interface LeaseRequest {
  /** Nonce of the lease to prolong; absent for a new one. */
  readonly nonce: string | undefined;
  readonly ttlSeconds: number;
  readonly description: string;
  /** Who is named to others; the usual caller when absent. */
  readonly owner?: string;
}

const OWNER = 'sandbox@tokens.fly.io';

/** The one place for a lease that every machine has. A lease that expired is as if it had never been. */
export class LeaseSlot {
  readonly #machineId: string;
  readonly #behaviour: Behaviour;
  #lease: Lease | undefined;

  constructor(machineId: string, behaviour: Behaviour) {
    this.#machineId = machineId;
    this.#behaviour = behaviour;
  }

  current(nowMs: number): Lease | undefined {
    return this.#lease && this.#lease.expiresAtMs > nowMs ? this.#lease : undefined;
  }

  /**
   * Takes the lease, or prolongs it under its own nonce. A refresh that comes after release or expiry takes
   * a new lease: a client that does not stop its refresher first locks the machine again.
   *
   * @throws ApiError 409 when another holds it
   */
  acquire(request: LeaseRequest, nowMs: number): Lease {
    const held = this.current(nowMs);
    if (held && held.nonce !== request.nonce) throw this.#held(held, 'envelope');
    const nonce = held?.nonce ?? leaseNonce();
    const { description, owner = OWNER } = request;
    this.#lease = { nonce, expiresAtMs: nowMs + request.ttlSeconds * 1_000, owner, description };
    return this.#lease;
  }

  /** @throws ApiError 404 when there is none, 409 when another holds it */
  release(nonce: string | undefined, nowMs: number): void {
    const held = this.current(nowMs);
    if (!held) throw noLease(this.#machineId);
    if (held.nonce !== nonce) throw this.#held(held, 'envelope');
    this.#lease = undefined;
  }

  /** @throws ApiError 404 when there is none */
  require(nowMs: number): Lease {
    const held = this.current(nowMs);
    if (!held) throw noLease(this.#machineId);
    return held;
  }

  /** @throws ApiError 409 when another than the bearer of `nonce` holds the lease */
  guard(nonce: string | undefined, nowMs: number): void {
    const held = this.current(nowMs);
    if (held && held.nonce !== nonce) throw this.#held(held, 'error');
  }

  /** @throws ApiError 409 while there is a lease at all, also for its holder */
  forbid(nowMs: number): void {
    const held = this.current(nowMs);
    if (held) throw this.#held(held, 'error');
  }

  /** The lease endpoints and the others word the same conflict in two body shapes. */
  #held(lease: Lease, usual: 'envelope' | 'error'): ApiError {
    const { leaseConflictBody } = this.#behaviour;
    const shape = leaseConflictBody === 'byEndpoint' ? usual : leaseConflictBody;
    const until = new Date(lease.expiresAtMs).toISOString();
    const message = `machine ID ${this.#machineId} lease currently held by ${lease.owner}, expires at ${until}`;
    const envelope = { status: 'error', message, code: 'invalid' };
    return new ApiError(409, shape === 'envelope' ? envelope : { error: `aborted: ${message}` });
  }
}

function noLease(machineId: string): ApiError {
  return new ApiError(404, {
    status: 'error',
    message: `lease not found for machine ID ${machineId}`,
    code: 'not_found',
  });
}
