import type { Progress } from '../../src/binding/progress.ts';
import type { StepResult } from '../../src/binding/step-result.ts';
import type { Failure } from '../../src/failure.ts';
import { aToken, HOUR, NOON } from '../support/binding.ts';

export const fresh = aToken({ id: 'bbbbbbbbbbbbbbbb', issuedAt: NOON, expiresAt: NOON + HOUR });
export const outage: Failure<'ProviderUnavailable'> = {
  reason: 'ProviderUnavailable',
  disposition: 'retry',
  message: 'acme.eu.auth0.com does not answer.',
};
export const refusal: Failure<'Unauthorized'> = {
  reason: 'Unauthorized',
  disposition: 'stall',
  message: 'Refused.',
};
export const issue = {
  acquiringToken: {
    type: 'issued',
    token: fresh,
    report: { quotas: [] },
    credentialUsed: 'Current',
    at: NOON,
  },
  writingSecret: { type: 'secretWritten', token: fresh },
} as const;
export const machines = { total: 2, current: 2, skipped: 0, failed: 0 };
export const deliver = {
  keepingPrevious: ({ token }: Progress): StepResult => ({ type: 'previousKept', token: token ?? fresh }),
  forgettingPrevious: { type: 'previousForgotten' },
  recording: { type: 'recorded' },
  settingFlySecret: { type: 'flySecretSet', write: { secretsVersion: 4, digest: 'd' }, at: NOON },
  rollingOut: { type: 'rolled', progress: { machines, done: true }, at: NOON },
} as const;
export const deletion = {
  deletionTimestamp: '2026-11-24T11:59:00Z',
  finalizers: ['tokenbinding.erauner.dev/cleanup'],
};
export const recorded = (deletionPolicy: 'Retain' | 'Delete', app = 'toolbridge-mcp') => ({
  deliveries: [
    {
      name: 'mcp',
      target: {
        app,
        secretName: 'TOOLBRIDGE_JWT_TOKEN',
        apiTokenRef: { name: 'fly-deploy', key: 'token' },
        deletionPolicy,
      },
      tokenId: aToken().id,
      secretsVersion: 3,
      machines,
      lastRolloutDuration: '12s',
      heldUntil: '2026-11-24T12:50:00Z',
      conditions: [
        {
          type: 'Delivered',
          status: 'True' as const,
          reason: 'Delivered',
          message: '',
          lastTransitionTime: '2026-11-24T11:50:00Z',
        },
      ],
    },
  ],
});
