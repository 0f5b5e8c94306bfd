import type { ProviderReport } from '../src/binding/provider-report.ts';
import type { TokenBinding } from '../src/binding/token-binding.ts';
import type { Clock, EpochMs } from '../src/clock.ts';
import type { KeptToken } from '../src/fly/classification.ts';
import type { FlyApp } from '../src/fly/fly-app.ts';
import type { TokenBindings } from '../src/kubernetes/bindings.ts';
import type { EventRecorder } from '../src/kubernetes/events.ts';
import type { Secrets } from '../src/kubernetes/secrets.ts';
import type { ServiceAccountTokens } from '../src/kubernetes/service-account-tokens.ts';
import type { Probe, ProbeVerdict } from '../src/oauth/probe.ts';
import type { IssuedToken, TokenRequest } from '../src/oauth/token-request.ts';
import type { SecretValue } from '../src/secret-value.ts';
import type { Memory } from './memory.ts';

/** Everything outside that a run touches. A test hands in another world, or one that breaks at a chosen call. */
export interface World {
  readonly clock: Clock;
  /** In [0, 1), as `Math.random` gives. */
  readonly random: () => number;
  readonly bindings: Pick<TokenBindings, 'get' | 'list' | 'patchStatus' | 'addFinalizer' | 'removeFinalizer'>;
  readonly secrets: Pick<Secrets, 'metadata' | 'read' | 'create' | 'apply' | 'remove'>;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly serviceAccountTokens: Pick<ServiceAccountTokens, 'request'>;
  /** @throws FailureError and DeferredError */
  readonly requestToken: (request: TokenRequest, ask: Ask, signal: AbortSignal) => Promise<IssuedToken>;
  readonly probeToken: (probe: Probe, token: SecretValue, signal: AbortSignal) => Promise<ProbeVerdict>;
  /** `kept`: where the API token is kept, for messages. */
  readonly flyApp: (app: string, apiToken: SecretValue, kept?: KeptToken) => FlyApp;
  readonly memory: Memory;
}

/** Who asks for a token, and how much it matters. */
export interface Ask {
  /** Of the binding. */
  readonly key: string;
  /** When the token in use expires, epoch ms; undefined while there is none. */
  readonly expiresAt: EpochMs | undefined;
  /** Goes before others, and past an open circuit. */
  readonly urgent: boolean;
  /** Bound of the whole attempt, in ms. */
  readonly deadlineMs: number;
  /** The provider's clock minus ours as last seen, in ms. */
  readonly skewMs: number | undefined;
  readonly onReport: (report: ProviderReport) => void;
}

/** The view of the world changed under a run: what it decided is void, the key is to be observed again. */
export class OutdatedError extends Error {
  override readonly name = 'OutdatedError';
}

/** A binding's key in queues, caches and token ids. */
export const keyOfBinding = ({ metadata }: TokenBinding) => `${metadata.namespace}/${metadata.name}`;
