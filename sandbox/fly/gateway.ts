import type { AccessTokens } from './access-token.ts';
import { presentedTokens } from './access-token.ts';
import { ApiError, refusal } from './api-error.ts';
import type { App } from './app.ts';
import type { Faults } from './fault.ts';
import { leaseRoutes } from './lease-endpoints.ts';
import type { Machine } from './machine.ts';
import { machineRoutes } from './machine-endpoints.ts';
import type { RateLimit } from './rate-limit.ts';
import type { RequestLog } from './request-log.ts';
import type { AppCall, Reply, Route } from './route.ts';
import { secretRoutes } from './secret-endpoints.ts';

/** Everything the API serves. */
export interface Platform {
  readonly apps: Map<string, App>;
  readonly tokens: AccessTokens;
  readonly faults: Faults;
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
  readonly secret: string;
}

const ROUTES: readonly Route[] = [...secretRoutes, ...machineRoutes, ...leaseRoutes];

export function matchRoute(method: string, url: URL): Match | undefined {
  for (const route of ROUTES) {
    const groups = route.method === method ? route.path.exec(url)?.pathname.groups : undefined;
    if (groups)
      return { route, app: name(groups.app), machine: name(groups.machine), secret: name(groups.secret) };
  }
  return undefined;
}

/** What the caller may touch, once the gateway let it in. */
export interface Admission {
  readonly app: App;
  readonly machine: Machine | undefined;
}

/**
 * Lets a request in, or says why not.
 *
 * @throws ApiError 401 unknown token, 404 no such app or machine, 403 token of another app, 429 too many requests
 */
export function admit(platform: Platform, match: Match, authorization: string | undefined): Admission {
  const opened = platform.tokens.apps(presentedTokens(authorization) ?? []);
  if (opened.size === 0) throw refusal(401, 'unauthenticated: token missing, malformed or expired');
  const app = platform.apps.get(match.app);
  if (!app) throw refusal(404, 'not_found: app not found');
  if (!opened.has(app.name)) throw new ApiError(403, { error: 'unauthorized' });
  limit(platform, match);
  const machine = app.machines.get(match.machine);
  if (match.route.of === 'machine' && !machine) throw refusal(404, 'not_found: machine not found');
  return { app, machine };
}

/** Runs the endpoint. */
export async function dispatch(
  { route }: Match,
  call: AppCall,
  machine: Machine | undefined,
): Promise<Reply> {
  if (route.of === 'app') return route.handle(call);
  if (!machine) throw refusal(404, 'not_found: machine not found');
  return route.handle({ ...call, machine });
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
