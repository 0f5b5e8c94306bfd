import { createMachinesApi } from '@fly/machines-api';
import type { Clock } from '../clock.ts';
import { FailureError } from '../failure.ts';
import { Request } from '../http/undici.ts';
import type { SecretValue } from '../secret-value.ts';
import { MachinesApiError } from './api-call.ts';
import { listSecrets, setSecret, unsetSecret, type WrittenSecret } from './app-secrets.ts';
import { classify, type KeptToken } from './classification.ts';
import { createFlyPacer, type FlyPacer } from './fly-pacer.ts';
import { ApiMachines } from './machines.ts';
import { pacedCalls } from './paced-calls.ts';
import { explain, type PreflightFailure, preflight } from './preflight.ts';
import { advanceRollout } from './rollout.ts';
import type { RolloutProgress } from './rollout-progress.ts';
import type { RolloutLimits, RolloutPolicy, RolloutTarget } from './rollout-site.ts';

/**
 * One Fly app as a place to deliver a secret to. Every method throws `FailureError<DeliveryFailureReason>`, or
 * what says nothing about Fly: the signal's own reason, or a `WithheldError` of `fetch`. Messages name the app and
 * Fly's request id, never an answer's text.
 */
export interface FlyApp {
  /**
   * What is wrong with the API token for this app; undefined when nothing is, and when Fly does not tell. One request
   * when all is well, two at most, no write: only `setSecret` proves that the token may write.
   */
  preflight(signal?: AbortSignal): Promise<PreflightFailure | undefined>;
  /** Fly's digest of an app secret as it is now, to be compared with that of a write; undefined: not set. */
  secretDigest(name: string, signal?: AbortSignal): Promise<string | undefined>;
  /** Writes an app secret. No machine notices before it gets a new version. */
  setSecret(name: string, value: SecretValue, signal?: AbortSignal): Promise<WrittenSecret>;
  /** Removes an app secret; one that is not there is no error. */
  unsetSecret(name: string, signal?: AbortSignal): Promise<{ secretsVersion: number } | 'AppNotFound'>;
  /**
   * Brings the app's machines one step closer to the target, as far as the policy allows, and returns within about
   * `watchMs`. To be called again as the progress says; resumes after any crash.
   */
  advanceRollout(
    target: RolloutTarget,
    policy: RolloutPolicy,
    signal?: AbortSignal,
  ): Promise<RolloutProgress>;
}

export interface FlyAppOptions {
  /** For example `https://api.machines.dev`. */
  readonly baseUrl: string;
  readonly app: string;
  /** In any form that `fly tokens create` prints; a deploy token of the app is enough. */
  readonly apiToken: SecretValue;
  /** Where it is kept, for messages. */
  readonly kept?: KeptToken | undefined;
  /** Takes undici's `Request` and has its own deadline, of at least `FLY_CALL_DEADLINE_MS`. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly userAgent: string;
  /** Shared by all who work on Fly in this process, as its limits are; one for this app alone when absent. */
  readonly pacer?: FlyPacer;
  /** Default: watch for 10 s a call. A request waits no longer than that for its turn. */
  readonly limits?: Partial<RolloutLimits>;
}

/** Deadline for calls to Fly, in ms: three times the longest wait that is asked of it. */
export const FLY_CALL_DEADLINE_MS = 15_000;

/** Metadata key that our marker has on every machine of every app. */
export const ROLLOUT_MARKER = 'tokenbinding_secrets_version';

const DEFAULT_LIMITS: RolloutLimits = { watchMs: 10_000 };

/** The app named, over the Machines API. */
export function createFlyApp(options: FlyAppOptions): FlyApp {
  const { app, apiToken, kept, clock } = options;
  const api = createMachinesApi({
    baseUrl: options.baseUrl,
    token: () => apiToken.reveal(),
    fetch: options.fetch,
    // undici's own type differs from Node's copy of it in details that the client does not use.
    Request: Request as unknown as typeof globalThis.Request,
    userAgent: options.userAgent,
  });
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  api.use(pacedCalls(options.pacer ?? createFlyPacer(clock), clock, limits.watchMs));
  const site = { app, clock, machines: new ApiMachines(api, app), limits };
  const failing = (error: unknown): never => {
    if (!(error instanceof MachinesApiError)) throw error;
    throw new FailureError(classify(error, { app, kept, now: clock.now() }));
  };
  const account = { api, app, apiToken, kept, clock };
  return {
    preflight: (signal) => preflight(account, signal),
    secretDigest: async (name, signal) => {
      const secrets = await listSecrets(api, app, signal).catch(failing);
      return secrets.find((secret) => secret.name === name)?.digest;
    },
    setSecret: (name, value, signal) =>
      setSecret(api, { app, name, value }, signal).catch(async (error: unknown) => {
        if (!(error instanceof MachinesApiError)) throw error;
        throw new FailureError(await explain(error, account, signal));
      }),
    unsetSecret: (name, signal) =>
      unsetSecret(api, { app, name }, signal).catch((error: unknown) =>
        error instanceof MachinesApiError && error.hasStatus(404) ? 'AppNotFound' : failing(error),
      ),
    advanceRollout: (target, policy, signal) =>
      advanceRollout(site, { target, policy }, signal).catch(failing),
  };
}
