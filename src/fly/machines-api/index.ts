import createClient, { type Client } from 'openapi-fetch';
import { authorizationHeader } from './authorization.ts';
import { apiRoot } from './base-url.ts';
import type { MachinesApiPaths } from './corrections.ts';

export { isMacaroon, MalformedTokenError, tokensIn } from './authorization.ts';
export type { JsonObject, LeaseReply, Machine, MachineUpdate, SecretsVersion } from './corrections.ts';

/** The Machines API, typed by path and method; every reply is `{data} | {error}` beside its `response`. */
export type MachinesApi = Client<MachinesApiPaths, 'application/json'>;

export interface MachinesApiOptions {
  /** For example `https://api.machines.dev`; a trailing `/v1` is accepted. */
  readonly baseUrl: string;
  /** Gives the API token, in any form `fly tokens create` prints; asked once per request. */
  readonly token: () => string;
  /** Has its own deadline: the client sets none. */
  readonly fetch: typeof globalThis.fetch;
  /** The `Request` that belongs to `fetch`, when that is not the global one. */
  readonly Request?: typeof globalThis.Request;
  /** For example `tokenbinding-controller/1.0.0`. */
  readonly userAgent: string;
}

/**
 * A client of the Fly.io Machines API. A request rejects with `MalformedTokenError` when the token cannot be
 * sent, and with whatever `fetch` rejects with; statuses never reject.
 */
export function createMachinesApi(options: MachinesApiOptions): MachinesApi {
  const api: MachinesApi = createClient<MachinesApiPaths, 'application/json'>({
    baseUrl: apiRoot(options.baseUrl),
    fetch: options.fetch,
    headers: { 'User-Agent': options.userAgent, Accept: 'application/json' },
    ...(options.Request && { Request: options.Request }),
  });
  api.use({
    onRequest: ({ request }) => {
      request.headers.set('Authorization', authorizationHeader(options.token()));
    },
  });
  return api;
}

const REQUEST_ID = /^[\w-]{1,64}$/;

/** Fly's name for one request, which its support asks for; undefined when absent or not shaped like one. */
export function requestId(response: { readonly headers: Headers }): string | undefined {
  const id = response.headers.get('fly-request-id');
  return id !== null && REQUEST_ID.test(id) ? id : undefined;
}
