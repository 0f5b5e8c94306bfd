import { createMachinesApi } from '@fly/machines-api';
import type { Clock } from '../clock.ts';
import { FailureError } from '../failure.ts';
import { Request } from '../http/undici.ts';
import type { SecretValue } from '../secret-value.ts';
import { MachinesApiError } from './api-call.ts';
import { setSecret, unsetSecret, type WrittenSecret } from './app-secrets.ts';
import { classify } from './classification.ts';
import { ApiMachines } from './machines.ts';
import { advanceRollout } from './rollout.ts';
import type { RolloutProgress } from './rollout-progress.ts';
import type { RolloutLimits, RolloutTarget } from './rollout-site.ts';

/**
 * One Fly app as a place to deliver a secret to. Every method throws `FailureError<DeliveryFailureReason>`, or
 * what says nothing about Fly: the signal's own reason, or a `WithheldError` of `fetch`. Messages name the app and
 * Fly's request id, never an answer's text.
 */
export interface FlyApp {
  /** Writes an app secret. No machine notices before it gets a new version. */
  setSecret(name: string, value: SecretValue, signal?: AbortSignal): Promise<WrittenSecret>;
  /** Removes an app secret; one that is not there is no error. */
  unsetSecret(name: string, signal?: AbortSignal): Promise<{ secretsVersion: number } | 'AppNotFound'>;
  /**
   * Brings the app's machines one step closer to the target: at most one of them is updated, and the call
   * returns within about `watchMs`. To be called again as the progress says; resumes after any crash.
   */
  advanceRollout(target: RolloutTarget, signal?: AbortSignal): Promise<RolloutProgress>;
}

export interface FlyAppOptions {
  /** For example `https://api.machines.dev`. */
  readonly baseUrl: string;
  readonly app: string;
  /** In any form that `fly tokens create` prints; a deploy token of the app is enough. */
  readonly apiToken: SecretValue;
  /** Takes undici's `Request` and has its own deadline, of at least `FLY_CALL_DEADLINE_MS`. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly userAgent: string;
  /** Default: watch for 10 s a call, 5 min for a machine to become well. */
  readonly limits?: Partial<RolloutLimits>;
}

/** Deadline for calls to Fly, in ms: three times the longest wait that is asked of it. */
export const FLY_CALL_DEADLINE_MS = 15_000;

/** Metadata key that our marker has on every machine of every app. */
export const ROLLOUT_MARKER = 'tokenbinding_secrets_version';

const DEFAULT_LIMITS: RolloutLimits = { watchMs: 10_000, machineTimeoutMs: 300_000 };

/** The app named, over the Machines API. */
export function createFlyApp(options: FlyAppOptions): FlyApp {
  const { app, apiToken, clock } = options;
  const api = createMachinesApi({
    baseUrl: options.baseUrl,
    token: () => apiToken.reveal(),
    fetch: options.fetch,
    // undici's own type differs from Node's copy of it in details that the client does not use.
    Request: Request as unknown as typeof globalThis.Request,
    userAgent: options.userAgent,
  });
  const site = {
    app,
    clock,
    machines: new ApiMachines(api, app),
    limits: { ...DEFAULT_LIMITS, ...options.limits },
  };
  const failing = (error: unknown): never => {
    if (!(error instanceof MachinesApiError)) throw error;
    throw new FailureError(classify(error, { app, now: clock.now() }));
  };
  return {
    setSecret: (name, value, signal) => setSecret(api, { app, name, value }, signal).catch(failing),
    unsetSecret: (name, signal) =>
      unsetSecret(api, { app, name }, signal).catch((error: unknown) =>
        error instanceof MachinesApiError && error.hasStatus(404) ? 'AppNotFound' : failing(error),
      ),
    advanceRollout: (target, signal) => advanceRollout(site, target, signal).catch(failing),
  };
}
