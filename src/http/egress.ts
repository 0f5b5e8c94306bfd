import { lookup } from 'node:dns';
import { boundBody } from './bounded-body.ts';
import { checkDestination } from './destination.ts';
import { EgressRefusedError } from './egress-refused-error.ts';
import { createGuardedAgent, type Resolve } from './guarded-agent.ts';
import { fetch, Request, type RequestInfo, type RequestInit } from './undici.ts';

export { BodyTooLargeError } from './bounded-body.ts';
export { EgressRefusedError, type EgressRule } from './egress-refused-error.ts';

/** What calls to the outside may reach. */
export interface EgressOptions {
  /** PEM certificates trusted in addition to Node's own. */
  readonly ca: readonly string[];
  /** Exact hosts or `*.suffix`, in lower case; empty allows every host. */
  readonly allowHosts: readonly string[];
  /** Allows 127.0.0.0/8 and ::1, for development. */
  readonly allowLoopback: boolean;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve;
}

/** Bounds of one call. */
export interface CallLimits {
  /** Milliseconds from the start of the call to the end of its body. */
  readonly deadlineMs: number;
  /** Longest body, in bytes after decompression. */
  readonly maxBodyBytes: number;
}

/** The way out: the only `fetch` with which issuers and platforms are called. */
export interface Egress {
  /**
   * A `fetch` with the egress rules and these limits. It never follows a redirect (the 3xx is the response).
   * It takes undici's `Request`, not the global one. Besides what fetch rejects with, it rejects with
   * `EgressRefusedError` when a rule forbids the call and with a `TimeoutError` DOMException at the deadline;
   * reading the body may reject with the same, or with `BodyTooLargeError`.
   */
  fetch(limits: CallLimits): typeof globalThis.fetch;
  /** Breaks every connection. */
  close(): Promise<void>;
}

/** Opens the way out for the process; its connections are kept alive until `close`. */
export function createEgress(options: EgressOptions): Egress {
  const { ca, allowHosts, allowLoopback, resolve = resolveAll } = options;
  const closing = new AbortController();
  const dispatcher = createGuardedAgent({ ca, allowLoopback, resolve, signal: closing.signal });
  const guardedFetch = (limits: CallLimits) => async (input: RequestInfo, init?: RequestInit) => {
    checkDestination(new URL(input instanceof Request ? input.url : input), allowHosts);
    const request = new Request(input, init);
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(limits.deadlineMs)]);
    const response = await fetch(request, { signal, dispatcher, redirect: 'manual' }).catch(refusalOrSelf);
    return boundBody(response, limits.maxBodyBytes);
  };
  return {
    // The types of undici and of Node's copy of it differ in details that no caller uses.
    fetch: (limits) => guardedFetch(limits) as unknown as typeof globalThis.fetch,
    close: async () => {
      await dispatcher.destroy();
      closing.abort();
    },
  };
}

const resolveAll: Resolve = (hostname, callback) => lookup(hostname, { all: true }, callback);

/** fetch wraps what the connection failed with; a refusal is thrown as itself. */
function refusalOrSelf(error: unknown): never {
  if (error instanceof Error && error.cause instanceof EgressRefusedError) throw error.cause;
  throw error;
}
