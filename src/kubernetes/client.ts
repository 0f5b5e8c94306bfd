import type { KubeConfig } from '@kubernetes/client-node';
import { fetch, type Response } from '../http/undici.ts';
import type { SecretValue } from '../secret-value.ts';
import { ApiError, type Attempt, asApiError, readRefusal, type Verb } from './api-error.ts';
import { authenticate, authenticateAs, serverOf } from './authentication.ts';
import { Dispatchers } from './dispatchers.ts';
import { pathOf } from './resource.ts';

/** One request. */
export interface Call extends Attempt {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Authenticates the call in place of the kubeconfig's credentials, all of them. */
  readonly bearer?: SecretValue;
  /** Media type of the body; default JSON. */
  readonly contentType?: string;
  /** Media type asked for; default JSON. */
  readonly accept?: string;
  /** Ends the call early, with reason `Aborted`. */
  readonly signal?: AbortSignal | undefined;
  /** From connecting to the last byte of the answer, in milliseconds; default: that of the client. */
  readonly deadlineMs?: number;
}

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';

/** An authenticated way to one API server. Every failure is an `ApiError`. */
export interface KubernetesClient {
  /** Sends a call and reads its JSON answer. */
  call<T>(call: Call): Promise<T>;
  /** Opens a stream of bytes; it has no deadline, only the signal ends it. */
  stream(call: Call & { readonly signal: AbortSignal }): Promise<AsyncIterable<Uint8Array>>;
  /** Breaks all connections; calls and streams under way fail. */
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** For calls that name none, in milliseconds. */
  readonly deadlineMs: number;
  readonly userAgent: string;
}

/**
 * A client for the current context of a kubeconfig. Credentials (token file, client certificate, exec
 * plugin, basic) and trust are read anew for every request, so their rotation needs no restart.
 *
 * Only authentication is left to @kubernetes/client-node. Its generated API classes open a TLS connection
 * per call, put the answer's body and headers into error texts and drop fields they do not know.
 *
 * @throws Error when the kubeconfig is one that `serverOf` refuses
 */
export function connect(kubeConfig: KubeConfig, options: ConnectOptions): KubernetesClient {
  return new HttpClient(kubeConfig, options);
}

const METHODS: Readonly<Record<Verb, string>> = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
};

class HttpClient implements KubernetesClient {
  readonly #kubeConfig: KubeConfig;
  readonly #options: ConnectOptions;
  readonly #server: string;
  readonly #dispatchers = new Dispatchers();
  /** Connections without our client certificate: it would be believed before any bearer. */
  readonly #bearerDispatchers = new Dispatchers();

  constructor(kubeConfig: KubeConfig, options: ConnectOptions) {
    this.#kubeConfig = kubeConfig;
    this.#options = options;
    this.#server = serverOf(kubeConfig);
  }

  async call<T>(call: Call): Promise<T> {
    const deadline = AbortSignal.timeout(call.deadlineMs ?? this.#options.deadlineMs);
    const signal = call.signal === undefined ? deadline : AbortSignal.any([deadline, call.signal]);
    try {
      const response = await this.#send(call, 'calls', signal);
      return JSON.parse(await response.text());
    } catch (error) {
      throw asApiError(call, error);
    }
  }

  async stream(call: Call & { readonly signal: AbortSignal }): Promise<AsyncIterable<Uint8Array>> {
    try {
      const response = await this.#send(call, 'watches', call.signal);
      return response.body ?? noBytes();
    } catch (error) {
      throw asApiError(call, error);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#dispatchers.close(), this.#bearerDispatchers.close()]);
  }

  async #send(call: Call, pool: 'calls' | 'watches', signal: AbortSignal): Promise<Response> {
    const { bearer } = call;
    const { headers, tls } = await (bearer === undefined
      ? authenticate(this.#kubeConfig)
      : authenticateAs(bearer, this.#kubeConfig));
    const dispatchers = bearer === undefined ? this.#dispatchers : this.#bearerDispatchers;
    const response = await fetch(urlOf(this.#server, call), {
      method: METHODS[call.verb],
      headers: {
        ...headers,
        'user-agent': this.#options.userAgent,
        accept: call.accept ?? 'application/json',
        ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      redirect: 'error',
      signal,
      dispatcher: dispatchers.for(tls)[pool],
    });
    if (response.ok) return response;
    const retryAfter = response.headers.get('retry-after');
    throw new ApiError(call, readRefusal(response.status, await response.text(), retryAfter));
  }
}

async function* noBytes(): AsyncIterable<Uint8Array> {}

function urlOf(server: string, call: Call): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined) query.set(name, String(value));
  }
  return `${server}${pathOf(call.at)}${query.size === 0 ? '' : `?${query}`}`;
}
