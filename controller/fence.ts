import { WithheldError } from '../src/failure.ts';
import type { CallLimits } from '../src/http/egress.ts';
import type { Call, KubernetesClient } from '../src/kubernetes/client.ts';

/** Our Lease may end before an effect would: another replica could be at work by then. */
export class FencedError extends WithheldError {
  override readonly name = 'FencedError';
}

/** Longest that a fenced call may take, in milliseconds: a Lease must last longer than this to lead at all. */
export const LONGEST_EFFECT_MS = 10_000;

/** How long the Lease surely holds, in milliseconds; 0 or less when it does not. */
export type RemainingLease = () => number;

/**
 * No effect starts unless the Lease outlives its deadline, so that a leader that was paused, and does not know
 * yet that it is none, cannot overwrite what its successor did.
 *
 * @throws FencedError
 */
export function assertLease(remaining: RemainingLease, deadlineMs: number): void {
  const left = remaining();
  if (left < deadlineMs) {
    const message = `the Lease holds for ${Math.max(0, Math.round(left))} ms, the call may take ${deadlineMs} ms`;
    throw new FencedError(message);
  }
}

/** A client whose writes are fenced; reads pass. */
export function fencedClient(
  client: KubernetesClient,
  remaining: RemainingLease,
  deadlineMs: number,
): KubernetesClient {
  return {
    call: async <T>(call: Call): Promise<T> => {
      const isRead = call.verb === 'get' || call.verb === 'list';
      if (!isRead) assertLease(remaining, call.deadlineMs ?? deadlineMs);
      return client.call<T>(call);
    },
    stream: (call) => client.stream(call),
    close: () => client.close(),
  };
}

/** A `fetch` whose writes are fenced; GET passes. */
export function fencedFetch(
  fetch: typeof globalThis.fetch,
  remaining: RemainingLease,
  { deadlineMs }: CallLimits,
): typeof globalThis.fetch {
  return async (input, init) => {
    const method = init?.method ?? (typeof input === 'object' && 'method' in input ? input.method : 'GET');
    if (method !== 'GET') assertLease(remaining, deadlineMs);
    return fetch(input, init);
  };
}
