import { isDeepStrictEqual } from 'node:util';
import { Agent } from '../http/undici.ts';

/** What a TLS connection to the API server is made of; a change of any part needs new connections. */
export interface TlsMaterial {
  readonly ca?: unknown;
  readonly cert?: unknown;
  readonly key?: unknown;
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
}

/** Most connections for calls; HTTP/1.1 carries one call at a time on each. */
const CALL_CONNECTIONS = 16;

/** Idle connections are dropped before the API server does it (after 90 s), so no call meets a closed one. */
const KEEP_ALIVE_MS = 30_000;

/**
 * The connections to one API server: a bounded pool for calls and an unbounded one for watches, so that
 * long streams never hold back a call. HTTP/1.1 on purpose: one broken connection breaks one stream, and
 * a half-open HTTP/2 session would take everything with it.
 */
export class Dispatchers {
  #material: TlsMaterial | undefined;
  #pools: { calls: Agent; watches: Agent } | undefined;
  readonly #retired = new Set<Agent>();

  /** The pools for this material; those of earlier material finish what they carry and close. */
  for(material: TlsMaterial): { readonly calls: Agent; readonly watches: Agent } {
    if (this.#pools !== undefined && isDeepStrictEqual(material, this.#material)) return this.#pools;
    this.#retire();
    this.#material = material;
    this.#pools = {
      calls: createAgent(material, { connections: CALL_CONNECTIONS }),
      // A watch may be silent for long; its reader judges when that is too long.
      watches: createAgent(material, { bodyTimeout: 0 }),
    };
    return this.#pools;
  }

  /** Breaks every connection. */
  async close(): Promise<void> {
    const all = [...this.#retired, ...Object.values(this.#pools ?? {})];
    this.#pools = undefined;
    await Promise.all(all.map((agent) => agent.destroy()));
  }

  #retire(): void {
    for (const agent of Object.values(this.#pools ?? {})) {
      this.#retired.add(agent);
      agent.close().then(
        () => this.#retired.delete(agent),
        () => this.#retired.delete(agent),
      );
    }
  }
}

function createAgent(material: TlsMaterial, options: Agent.Options): Agent {
  return new Agent({
    ...options,
    allowH2: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: { ...material, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
  });
}
