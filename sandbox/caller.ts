import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  StreamableHTTPClientTransport,
  StreamableHTTPError,
} from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { createTrustingFetch } from './trusting-fetch.ts';

export interface CallerOptions {
  /** The MCP endpoint, as the app's router exposes it. */
  readonly url: string;
  /** The CA behind an https `url`; the system's roots when absent. */
  readonly caPem?: string;
  /** Sessions held at the same time; default 2. */
  readonly sessions?: number;
  /** Between two calls of one session; default 50 ms, so that a demo leaves the processor some room. */
  readonly pauseMs?: number;
}

export interface CallCounts {
  ok: number;
  /** The API refused the token of the machine that took the call. */
  refused: number;
  /** Sessions opened anew because the server no longer knew the old one. */
  reopened: number;
  /** Everything else that went wrong: no answer, a 5xx, an API that cannot be reached. */
  failed: number;
}

/** Of the streams that clients hold open to hear what servers say unasked, one a session. */
export interface StreamCounts {
  opened: number;
  /** Ended by the far side. */
  cut: number;
}

/** MCP clients that call `whoami` all the time, as agents in the field do. */
export interface Caller {
  readonly counts: Readonly<CallCounts>;
  readonly streams: Readonly<StreamCounts>;
  /** What the latest of `counts.failed` was; no text of the server's. */
  readonly lastFailure: () => string | undefined;
  stop(): Promise<void>;
}

const CALL_TIMEOUT_MS = 10_000;
const RETRY_MS = 250;

class CallFailed extends Error {}

/** The spec's sign that the session is gone and must be opened anew (MCP 2025-11-25, "Session Management"). */
function isSessionLost(error: unknown): boolean {
  return error instanceof StreamableHTTPError && error.code === 404;
}

function describe(error: unknown): string {
  if (error instanceof CallFailed) return error.message;
  if (error instanceof StreamableHTTPError) return `HTTP ${error.code}`;
  if (!(error instanceof Error)) return 'unknown';
  const { code } = (error.cause ?? error) as { code?: unknown };
  return typeof code === 'string' || typeof code === 'number' ? `${error.name} ${code}` : error.name;
}

class Conversation {
  readonly counts: CallCounts = { ok: 0, refused: 0, reopened: 0, failed: 0 };
  readonly streams: StreamCounts = { opened: 0, cut: 0 };
  lastFailure: string | undefined;
  readonly #url: URL;
  readonly #fetch: typeof globalThis.fetch;
  readonly #signal: AbortSignal;

  constructor(url: URL, fetch: typeof globalThis.fetch, signal: AbortSignal) {
    this.#url = url;
    this.#fetch = fetch;
    this.#signal = signal;
  }

  async #open(): Promise<Client> {
    const client = new Client({ name: 'sandbox-caller', version: '0.1.0' });
    const transport = new StreamableHTTPClientTransport(this.#url, { fetch: this.#watched });
    await client.connect(transport, { signal: this.#signal, timeout: CALL_TIMEOUT_MS });
    return client;
  }

  /** The fetch of the transport, whose only GET is the one that opens a stream. */
  readonly #watched: typeof globalThis.fetch = async (input, init) => {
    const response = await this.#fetch(input, init);
    const { body, ok, status, headers } = response;
    if (init?.method !== 'GET' || !ok || !body) return response;
    this.streams.opened += 1;
    return new Response(ReadableStream.from(this.#heard(body, init.signal)), { status, headers });
  };

  async *#heard(body: AsyncIterable<Uint8Array>, closed?: AbortSignal | null): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } finally {
      if (!closed?.aborted && !this.#signal.aborted) this.streams.cut += 1;
    }
  }

  /**
   * With a signal for the call alone: the SDK never takes its listener back, and would send a cancellation for every
   * call that there ever was.
   */
  async #callTool(client: Client) {
    const call = new AbortController();
    const cancel = () => call.abort();
    this.#signal.addEventListener('abort', cancel);
    try {
      return await client.callTool({ name: 'whoami' }, undefined, {
        signal: call.signal,
        timeout: CALL_TIMEOUT_MS,
      });
    } finally {
      this.#signal.removeEventListener('abort', cancel);
    }
  }

  async #call(client: Client): Promise<void> {
    const result = await this.#callTool(client);
    const { apiStatus } = (result.structuredContent ?? {}) as { apiStatus?: number };
    if (apiStatus === 401) this.counts.refused += 1;
    else if (result.isError) throw new CallFailed(`whoami: API status ${apiStatus ?? 'unknown'}`);
    else this.counts.ok += 1;
  }

  #note(error: unknown): void {
    this.counts.failed += 1;
    this.lastFailure = describe(error);
  }

  /** One session after the other until told to stop. */
  async keepUp(pauseMs: number): Promise<void> {
    let client: Client | undefined;
    const pause = (ms: number) => sleep(ms, undefined, { signal: this.#signal }).catch(() => undefined);
    while (!this.#signal.aborted) {
      try {
        client ??= await this.#open();
        await this.#call(client);
        await pause(pauseMs);
      } catch (error) {
        if (this.#signal.aborted) break;
        if (client && isSessionLost(error)) {
          this.counts.reopened += 1;
          await client.close();
          client = undefined;
        } else {
          this.#note(error);
          await pause(RETRY_MS);
        }
      }
    }
    await client?.close();
  }
}

/** Starts calling at once; an endpoint that is not there yet counts as failed calls. */
export function startCaller({ url, caPem, sessions = 2, pauseMs = 50 }: CallerOptions): Caller {
  const trusting = createTrustingFetch(caPem);
  const stopping = new AbortController();
  const conversation = new Conversation(new URL(url), trusting.fetch, stopping.signal);
  const running = Array.from({ length: sessions }, () => conversation.keepUp(pauseMs));
  return {
    counts: conversation.counts,
    streams: conversation.streams,
    lastFailure: () => conversation.lastFailure,
    stop: async () => {
      stopping.abort();
      await Promise.all(running);
      await trusting.close();
    },
  };
}
