import { type Access, type AccessTokens, type Grant, opens, presentedTokens } from './access-token.ts';
import type { Action } from './action.ts';
import { ApiError, refusal } from './api-error.ts';
import type { App } from './app.ts';
import { appRoutes } from './app-endpoint.ts';
import type { Behaviour } from './behaviour.ts';
import { execRoutes } from './exec-endpoint.ts';
import type { Faults } from './fault.ts';
import { leaseRoutes } from './lease-endpoints.ts';
import type { Machine } from './machine.ts';
import { machineRoutes } from './machine-endpoints.ts';
import { metadataRoutes } from './metadata-endpoints.ts';
import { powerRoutes } from './power-endpoints.ts';
import type { RateLimit } from './rate-limit.ts';
import type { RequestLog } from './request-log.ts';
import type { AppCall, Reply, Route } from './route.ts';
import { secretRoutes } from './secret-endpoints.ts';
import { tokenRoutes } from './token-endpoints.ts';

/** Everything the API serves. */
export interface Platform {
  readonly apps: Map<string, App>;
  readonly tokens: AccessTokens;
  readonly faults: Faults;
  readonly behaviour: Behaviour;
  /** Undefined: requests are not limited. */
  readonly rateLimit: RateLimit | undefined;
  readonly requests: RequestLog;
  readonly now: () => number;
}

/** A route and what its path names. */
export interface Match {
  readonly route: Route;
  readonly app: string;
  /** Machine id; empty for routes of the app itself. */
  readonly machine: string;
  /** Name of a secret, or key of metadata. */
  readonly key: string;
}

const ROUTES: readonly Route[] = [
  ...tokenRoutes,
  ...appRoutes,
  ...secretRoutes,
  ...machineRoutes,
  ...powerRoutes,
  ...leaseRoutes,
  ...metadataRoutes,
  ...execRoutes,
];
/** What can be asked of a machine that was destroyed, or whose host does not answer. */
const READS: readonly Action[] = ['getMachine'];
/** What a token for commands in machines is good for. */
const EXEC: readonly Action[] = ['getMachine', 'listMachines', 'execMachine'];

export function matchRoute(method: string, url: URL): Match | undefined {
  for (const route of ROUTES) {
    const groups = route.method === method ? route.path.exec(url)?.pathname.groups : undefined;
    if (groups) return { route, app: name(groups.app), machine: name(groups.machine), key: name(groups.key) };
  }
  return undefined;
}

/** What the caller may touch, once the gateway let it in. */
export interface Admission {
  readonly app: App;
  readonly machine: Machine | undefined;
}

/** What the caller's token opens. @throws ApiError 401 when that is nothing */
export function authenticate({ tokens, now }: Platform, authorization: string | undefined): readonly Grant[] {
  const grants = tokens.grants(presentedTokens(authorization) ?? [], now());
  if (grants.length === 0) throw refusal(401, 'unauthenticated: token missing, malformed or expired');
  return grants;
}

/**
 * Lets a request in, or says why not.
 *
 * @throws ApiError 404 no such app or machine, 403 token for something else, 429 too many requests,
 *   503 the machine's host does not answer
 */
export function admit(platform: Platform, match: Match, grants: readonly Grant[]): Admission {
  const app = platform.apps.get(match.app);
  if (!app) throw refusal(404, 'not_found: app not found');
  if (!isOpen(match.route, grants, app)) throw new ApiError(403, { error: 'unauthorized' });
  limit(platform, match);
  const machine = app.find(match.machine);
  if (match.route.of === 'machine') requireUsable(machine, match.route.action);
  return { app, machine };
}

/** Runs the endpoint of an app or a machine. */
export async function dispatch(
  { route }: Match,
  call: AppCall,
  machine: Machine | undefined,
): Promise<Reply> {
  if (route.of === 'app') return route.handle(call);
  if (route.of !== 'machine' || !machine) throw refusal(404, 'not_found: machine not found');
  return route.handle({ ...call, machine });
}

function isOpen({ method, action }: Route, grants: readonly Grant[], { name }: App): boolean {
  const kinds: readonly Access[] = [
    ...(EXEC.includes(action) ? (['exec'] as const) : []),
    method === 'GET' ? 'read' : 'write',
  ];
  return kinds.some((access) => opens(grants, name, access));
}

function requireUsable(machine: Machine | undefined, action: Action): void {
  const gone = machine?.state === 'destroyed' && !READS.includes(action) && action !== 'waitMachine';
  if (!machine || gone) throw refusal(404, 'not_found: machine not found');
  if (!machine.reachable && !READS.includes(action)) {
    throw refusal(503, 'unavailable: the host of the machine is unreachable');
  }
}

function limit({ rateLimit, now }: Platform, { route, app, machine }: Match): void {
  const waitMs = rateLimit?.take(`${route.action} ${app} ${machine}`, route.rate, now()) ?? 0;
  if (waitMs === 0) return;
  const headers = { 'retry-after': String(Math.ceil(waitMs / 1_000)) };
  throw new ApiError(429, { error: 'rate limit exceeded' }, headers);
}

function name(group: string | undefined): string {
  return decodeURIComponent(group ?? '');
}
