import type { Clock } from '../src/clock.ts';
import { createFlyApp, FLY_CALL_DEADLINE_MS, type FlyApp } from '../src/fly/fly-app.ts';
import type { CallLimits, Egress } from '../src/http/egress.ts';
import {
  type IssuedToken,
  requestToken,
  TOKEN_REQUEST_LIMITS,
  type TokenRequest,
} from '../src/oauth/token-request.ts';
import type { SecretValue } from '../src/secret-value.ts';
import { assertLease, fencedFetch, LONGEST_EFFECT_MS, type RemainingLease } from './fence.ts';
import type { Metrics } from './metrics.ts';

/** A write to Fly must end well within a Lease; its answers are small, lists of machines are not. */
const FLY_WRITE_LIMITS: CallLimits = { deadlineMs: LONGEST_EFFECT_MS, maxBodyBytes: 4 * 1024 * 1024 };
const FLY_READ_LIMITS: CallLimits = { ...FLY_WRITE_LIMITS, deadlineMs: FLY_CALL_DEADLINE_MS };

export interface OutgoingOptions {
  readonly egress: Egress;
  readonly remaining: RemainingLease;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly flyApiUrl: string;
  readonly userAgent: string;
}

/** The calls that leave the cluster: to issuers and to Fly, fenced, bounded and counted. */
export interface Outgoing {
  requestToken(request: TokenRequest, signal: AbortSignal): Promise<IssuedToken>;
  flyApp(app: string, apiToken: SecretValue): FlyApp;
}

export function createOutgoing(options: OutgoingOptions): Outgoing {
  const { egress, remaining, metrics, clock, flyApiUrl: baseUrl, userAgent } = options;
  const fetchToken = countedFetch(egress.fetch(TOKEN_REQUEST_LIMITS), metrics, clock);
  const flyFetch = flyFetchOf(options);
  return {
    requestToken: async (request, signal) => {
      assertLease(remaining, TOKEN_REQUEST_LIMITS.deadlineMs);
      return requestToken(request, { fetch: fetchToken, clock, signal });
    },
    flyApp: (app, apiToken) => createFlyApp({ baseUrl, app, apiToken, fetch: flyFetch, clock, userAgent }),
  };
}

function flyFetchOf({ egress, remaining }: OutgoingOptions): typeof globalThis.fetch {
  const read = egress.fetch(FLY_READ_LIMITS);
  const write = fencedFetch(egress.fetch(FLY_WRITE_LIMITS), remaining, FLY_WRITE_LIMITS);
  return (input, init) => (methodOf(input, init) === 'GET' ? read(input, init) : write(input, init));
}

/** Counts token requests by HTTP status, or `error` when there was no answer. */
function countedFetch(
  fetch: typeof globalThis.fetch,
  metrics: Metrics,
  clock: Clock,
): typeof globalThis.fetch {
  return async (input, init) => {
    const startedAt = clock.monotonic();
    let code = 'error';
    try {
      const response = await fetch(input, init);
      code = String(response.status);
      return response;
    } finally {
      metrics.providerRequests.inc({ code });
      metrics.providerRequestDuration.observe((clock.monotonic() - startedAt) / 1000);
    }
  };
}

const methodOf = (input: Parameters<typeof globalThis.fetch>[0], init?: RequestInit) =>
  init?.method ?? (typeof input === 'object' && 'method' in input ? input.method : 'GET');
