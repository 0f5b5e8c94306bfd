import type { App } from './app.ts';
import type { Machine } from './machine.ts';
import type { Rate } from './rate-limit.ts';

/** What a request does: the unit of rate limits, faults and counts. */
export type Action =
  | 'listSecrets'
  | 'getSecret'
  | 'setSecret'
  | 'updateSecrets'
  | 'deleteSecret'
  | 'listMachines'
  | 'getMachine'
  | 'updateMachine'
  | 'startMachine'
  | 'stopMachine'
  | 'waitMachine'
  | 'getLease'
  | 'acquireLease'
  | 'releaseLease';

/** A request to an app, authorised and read. */
export interface AppCall {
  readonly app: App;
  /** Path parameter of the secret endpoints; else empty. */
  readonly secretName: string;
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
}

/** A request to one of the app's machines. */
export interface MachineCall extends AppCall {
  readonly machine: Machine;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
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
);

/** Fly's published limit: a request a second per action and identifier, three at once. */
const USUAL_RATE: Rate = { perSecond: 1, burst: 3 };

/** @param endpoint method and path below the app, for example `GET /secrets/:secret` */
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

function target(endpoint: string, below: string): { method: string; path: URLPattern } {
  const [method = 'GET', path = ''] = endpoint.split(' ');
  return { method, path: new URLPattern({ pathname: below + path }) };
}
