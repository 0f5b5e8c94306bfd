import { Agent, fetch } from 'undici';

/** A `fetch` that trusts one private CA, and the connections behind it. */
export interface TrustingFetch {
  readonly fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}

/**
 * @param caPem the only CA trusted; without it the system's roots are
 */
export function createTrustingFetch(caPem?: string): TrustingFetch {
  const dispatcher = new Agent({
    // A stream of events may be silent for as long as it likes.
    bodyTimeout: 0,
    ...(caPem !== undefined && { connect: { ca: caPem } }),
  });
  const call: typeof fetch = (input, init) => fetch(input, { ...init, dispatcher });
  return {
    // undici's own types and Node's copy of them differ in details that nothing here touches.
    fetch: call as unknown as typeof globalThis.fetch,
    // destroy, not close: a connection held open by the far side must not hold up the end of the sandbox.
    close: () => dispatcher.destroy(),
  };
}
