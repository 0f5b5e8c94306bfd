import type { ProviderReport } from '../src/binding/provider-report.ts';
import type { Clock } from '../src/clock.ts';
import { createFlyApp, FLY_CALL_DEADLINE_MS } from '../src/fly/fly-app.ts';
import { createFlyPacer } from '../src/fly/fly-pacer.ts';
import type { CallLimits, Egress } from '../src/http/egress.ts';
import { DISCOVERY_LIMITS, Discovery } from '../src/oauth/discovery.ts';
import { probeToken } from '../src/oauth/probe.ts';
import { type IssuedToken, requestToken, TOKEN_REQUEST_LIMITS } from '../src/oauth/token-request.ts';
import { fencedFetch, LONGEST_EFFECT_MS, type RemainingLease } from './fence.ts';
import type { Metrics } from './metrics.ts';
import type { ProviderGate } from './provider/gate.ts';
import { requestKey } from './provider/request-key.ts';
import { SingleFlight } from './provider/single-flight.ts';
import type { World } from './world.ts';

/** A write to Fly must end well within a Lease; its answers are small, lists of machines are not. */
const FLY_WRITE_LIMITS: CallLimits = { deadlineMs: LONGEST_EFFECT_MS, maxBodyBytes: 4 * 1024 * 1024 };
/** Of a probe only the status counts. */
const PROBE_LIMITS = { maxBodyBytes: 64 * 1024 };
const FLY_READ_LIMITS: CallLimits = { ...FLY_WRITE_LIMITS, deadlineMs: FLY_CALL_DEADLINE_MS };

export interface OutgoingOptions {
  readonly egress: Egress;
  readonly remaining: RemainingLease;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly gate: ProviderGate;
  readonly flyApiUrl: string;
  readonly userAgent: string;
}

/** The calls that leave the cluster: to issuers, to probed APIs and to Fly; bounded, counted, fenced. */
export type Outgoing = Pick<World, 'requestToken' | 'probeToken' | 'flyApp'>;

export function createOutgoing(options: OutgoingOptions): Outgoing {
  const { egress, clock, flyApiUrl: baseUrl, userAgent } = options;
  const flyFetch = flyFetchOf(options);
  const pacer = createFlyPacer(clock);
  return {
    requestToken: tokenRequester(options),
    probeToken: (probe, token, signal) => {
      const fetch = egress.fetch({ ...PROBE_LIMITS, deadlineMs: probe.timeoutMs });
      return probeToken(probe, token, { fetch, signal });
    },
    flyApp: (app, apiToken, kept) =>
      createFlyApp({ baseUrl, app, apiToken, kept, fetch: flyFetch, clock, pacer, userAgent }),
  };
}

interface Answer {
  readonly issued: IssuedToken;
  readonly report: ProviderReport | undefined;
}

/** Requests that are equal, credential included, share one answer; the gate says who may go. */
function tokenRequester(options: OutgoingOptions): World['requestToken'] {
  const { egress, remaining, metrics, clock, gate } = options;
  const flights = new SingleFlight<Answer>();
  const discovery = new Discovery({ clock, fetch: egress.fetch(DISCOVERY_LIMITS) });
  return async (request, ask, signal) => {
    const { deadlineMs, skewMs, key, urgent, expiresAt } = ask;
    const [namespace = ''] = key.split('/');
    let told: ProviderReport | undefined;
    const send = async (): Promise<Answer> => {
      const limits = { ...TOKEN_REQUEST_LIMITS, deadlineMs };
      const fetch = fencedFetch(countedFetch(egress.fetch(limits), metrics, clock), remaining, limits);
      const onReport = (report: ProviderReport) => {
        told = report;
      };
      const issued = await requestToken(request, {
        ...{ fetch, clock, signal, discovery, onReport },
        ...(skewMs !== undefined && { skewMs }),
      });
      return { issued, report: told };
    };
    const endpoint = request.source.tokenEndpoint ?? request.source.issuer ?? '';
    const turn = { endpoint, key, urgent, ...(expiresAt !== undefined && { expiresAt }) };
    try {
      const answer = await flights.join(requestKey(namespace, request), () => gate.execute(turn, send));
      told = answer.report;
      return answer.issued;
    } finally {
      if (told) ask.onReport(told);
    }
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
