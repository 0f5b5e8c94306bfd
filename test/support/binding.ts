import type { Facts } from '../../src/binding/facts.ts';
import { begin, type Progress } from '../../src/binding/progress.ts';
import type { StoredToken } from '../../src/binding/stored-token.ts';
import type {
  Delivery,
  RolloutSettings,
  TokenBindingStatus,
} from '../../src/binding/token-binding.generated.ts';
import type { ObjectMeta, TokenBinding, TokenBindingSpec } from '../../src/binding/token-binding.ts';

/** Noon of some day; every fixture is told relative to it. */
export const NOON = Date.parse('2026-11-24T12:00:00Z');
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** A binding as the API server would return it, with what a test changes. */
export function aBinding(
  change: {
    metadata?: Partial<ObjectMeta>;
    spec?: Partial<TokenBindingSpec>;
    status?: TokenBindingStatus;
  } = {},
): TokenBinding {
  return {
    metadata: {
      name: 'toolbridge-api',
      namespace: 'toolbridge',
      uid: '3f0c0f7e-0000-4000-8000-000000000001',
      resourceVersion: '100',
      generation: 1,
      ...change.metadata,
    },
    spec: {
      suspend: false,
      source: { auth0: { domain: 'acme.eu.auth0.com', audience: 'https://api.acme.dev', scopes: [] } },
      clientAuthentication: {
        clientSecret: {
          method: 'Post',
          secretRef: {
            name: 'toolbridge-m2m',
            clientIdKey: 'client_id',
            clientSecretKey: 'client_secret',
            nextClientSecretKey: 'next_client_secret',
          },
        },
      },
      refresh: { atLifetimePercent: 67, jitterPercent: 10 },
      secret: { name: 'toolbridge-api-token', key: 'token' },
      deliveries: [],
      ...change.spec,
    },
    ...(change.status ? { status: change.status } : {}),
  };
}

/** What the API makes of a rollout that nothing is said about. */
export const ROLLOUT: RolloutSettings = {
  strategy: 'Rolling',
  maxUnavailable: 1,
  machineTimeout: '5m',
  onFailure: 'Rollback',
  includeUnmanaged: true,
};

export function aDelivery(change: Partial<NonNullable<Delivery['fly']>> = {}, name = 'mcp'): Delivery {
  return {
    name,
    fly: {
      app: 'toolbridge-mcp',
      secretName: 'TOOLBRIDGE_JWT_TOKEN',
      apiTokenRef: { name: 'fly-deploy', key: 'token' },
      deletionPolicy: 'Retain',
      ...{ encoding: 'Plain', driftCheckInterval: '10m', rollout: ROLLOUT },
      ...change,
    },
  };
}

/** A probe with the API's defaults. */
export const PROBE = {
  url: 'https://api.acme.dev/v1/me',
  expectStatus: [200],
  rejectStatus: [401],
  timeout: '5s',
};

/** A token of one hour that was issued ten minutes ago. */
export function aToken(change: Partial<StoredToken> = {}): StoredToken {
  return {
    id: 'aaaaaaaaaaaaaaaa',
    issuedAt: NOON - 10 * MINUTE,
    expiresAt: NOON + 50 * MINUTE,
    fingerprint: 'fits',
    key: 'token',
    scopes: [],
    ...change,
  };
}

export function someFacts(change: Partial<Facts> = {}): Facts {
  return {
    ...{ now: NOON, setBackMs: 0, forecast: 0 },
    random: 0.5,
    binding: aBinding(),
    credential: { version: 'uid/7', fingerprint: 'fits' },
    apiTokenVersions: { 'fly-deploy': 'uid/8' },
    secret: { state: 'absent' },
    claimedElsewhere: [],
    ...{ rivals: [], awaited: [], driftDueAt: {}, unchecked: [] },
    ...change,
  };
}

/** Facts of a binding whose Secret holds the token, in shape. */
export function factsWith(token: StoredToken, change: Partial<Facts> = {}): Facts {
  return someFacts({ secret: { state: 'ours', token, shaped: true }, ...change });
}

export const someProgress = (facts: Facts): Progress => begin(facts);
