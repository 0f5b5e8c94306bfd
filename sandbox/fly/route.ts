import type { Grant } from './access-token.ts';
import type { Action } from './action.ts';
import type { App } from './app.ts';
import type { Behaviour } from './behaviour.ts';
import type { Machine } from './machine.ts';
import type { Rate } from './rate-limit.ts';

/** A request to an app, authorised and read. */
export interface AppCall {
  readonly app: App;
  /** Last path parameter, of the secret and metadata endpoints; else empty. */
  readonly key: string;
  readonly query: URLSearchParams;
  /** Parsed JSON object; empty when the body was. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Header `fly-machine-lease-nonce`. */
  readonly nonce: string | undefined;
  readonly requestId: string;
  readonly nowMs: number;
  /** Aborts when the client has gone or the server stops. */
  readonly signal: AbortSignal;
  /** The versions made now never pass their checks (injected fault). */
  readonly breaksVersions: boolean;
  readonly behaviour: Behaviour;
}

/** A request to one of the app's machines. */
export interface MachineCall extends AppCall {
  readonly machine: Machine;
}

/** A request about the caller's own token. */
export interface TokenCall {
  readonly grants: readonly Grant[];
}

export interface Reply {
  readonly status: number;
  /** Undefined for none. */
  readonly body?: unknown;
}

type Handler<Call> = (call: Call) => Reply | Promise<Reply>;

/** One endpoint. It throws `ApiError` for any answer but success. */
export type Route = {
  readonly action: Action;
  readonly method: string;
  readonly path: URLPattern;
  readonly rate: Rate;
} & (
  | { readonly of: 'app'; readonly handle: Handler<AppCall> }
  | { readonly of: 'machine'; readonly handle: Handler<MachineCall> }
  | { readonly of: 'token'; readonly handle: Handler<TokenCall> }
);

/** Fly's published limit: a request a second per action and identifier, three at once. */
const USUAL_RATE: Rate = { perSecond: 1, burst: 3 };

/** @param endpoint method and path below the app, for example `GET /secrets/:key` */
export function appRoute(endpoint: string, action: Action, handle: Handler<AppCall>): Route {
  return { of: 'app', action, handle, rate: USUAL_RATE, ...target(endpoint, '/v1/apps/:app') };
}

/** @param endpoint method and path below the machine, for example `POST /lease` */
export function machineRoute(
  endpoint: string,
  action: Action,
  handle: Handler<MachineCall>,
  rate = USUAL_RATE,
): Route {
  return { of: 'machine', action, handle, rate, ...target(endpoint, '/v1/apps/:app/machines/:machine') };
}

/** @param endpoint method and path below the tokens, for example `GET /current` */
export function tokenRoute(endpoint: string, action: Action, handle: Handler<TokenCall>): Route {
  return { of: 'token', action, handle, rate: USUAL_RATE, ...target(endpoint, '/v1/tokens') };
}

function target(endpoint: string, below: string): { method: string; path: URLPattern } {
  const [method = 'GET', path = ''] = endpoint.split(' ');
  return { method, path: new URLPattern({ pathname: below + path }) };
}
