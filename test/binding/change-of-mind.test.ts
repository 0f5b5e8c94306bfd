import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timestamp } from '../../src/binding/conditions.ts';
import { REFRESH_REQUESTED_AT } from '../../src/binding/names.ts';
import { begin } from '../../src/binding/progress.ts';
import { readiness } from '../../src/binding/readiness.ts';
import { statusOf } from '../../src/binding/status.ts';
import type { TokenBindingStatus } from '../../src/binding/token-binding.ts';
import { wakeTime } from '../../src/binding/wake.ts';
import {
  aBinding,
  aDelivery,
  aToken,
  factsWith,
  HOUR,
  MINUTE,
  NOON,
  ROLLOUT,
  someFacts,
} from '../support/binding.ts';
import { plan } from './plan.ts';
import { deliver, issue, machines, recorded as settledDelivery } from './results.ts';

const recorded = (
  policy: 'Retain' | 'Delete',
): TokenBindingStatus & { deliveries: NonNullable<TokenBindingStatus['deliveries']> } =>
  settledDelivery(policy);
const attempts = (next: number, reason = 'PlatformUnavailable') => ({
  consecutive: 1,
  lastFailureTime: timestamp(NOON - 5 * MINUTE),
  lastFailureReason: reason,
  nextTime: timestamp(next),
  observedGeneration: 1,
  credentialVersion: 'uid/8',
});
const T = timestamp;

test('a rollout at rest that failed once before wakes when it asked to, not at once', () => {
  const status = recorded('Retain');
  Object.assign(status.deliveries[0] ?? {}, { attempts: attempts(NOON - 4 * MINUTE), conditions: [] });
  const { rest, progress } = plan(
    factsWith(aToken(), { binding: aBinding({ spec: { deliveries: [aDelivery()] }, status }) }),
    {
      ...deliver,
      rollingOut: { type: 'rolled', at: NOON, progress: { machines, done: false, retryAt: NOON + MINUTE } },
    },
  );
  const wake = wakeTime(progress, statusOf(progress)) ?? 0;
  assert.equal(rest, 'waiting');
  assert.ok(wake >= NOON + 1, `wakes ${(wake - NOON) / 1000} s from now`);
});

test('a suspended binding is not woken by a failure that nothing will retry', () => {
  const status = recorded('Retain');
  Object.assign(status.deliveries[0] ?? {}, { attempts: attempts(NOON - 4 * MINUTE), conditions: [] });
  const { rest, progress } = plan(
    factsWith(aToken(), {
      binding: aBinding({ spec: { suspend: true, deliveries: [aDelivery()] }, status }),
    }),
  );
  const wake = wakeTime(progress, statusOf(progress));
  assert.equal(rest, 'suspended');
  assert.ok(wake === undefined || wake > NOON, `wakes ${((wake ?? 0) - NOON) / 1000} s from now`);
});

test('an expired token whose issuer is waited out is not woken by an older failed delivery', () => {
  const status = {
    ...recorded('Retain'),
    attempts: { ...attempts(NOON + 3 * MINUTE, 'ProviderUnavailable'), credentialVersion: 'uid/7' },
  };
  Object.assign(status.deliveries[0] ?? {}, { attempts: attempts(NOON - 4 * MINUTE), conditions: [] });
  const { rest, progress } = plan(
    factsWith(aToken({ expiresAt: NOON - 1 }), {
      binding: aBinding({ spec: { deliveries: [aDelivery()] }, status }),
    }),
  );
  const wake = wakeTime(progress, statusOf(progress)) ?? 0;
  assert.equal(rest, 'backingOff');
  assert.ok(wake > NOON, `wakes ${(wake - NOON) / 1000} s from now`);
});

test('a renamed secret keeps its old name while the new one could not be written', () => {
  const status = recorded('Delete');
  const b = aBinding({
    metadata: { generation: 2, finalizers: ['tokenbinding.erauner.dev/cleanup'] },
    spec: { deliveries: [aDelivery({ secretName: 'NEW', deletionPolicy: 'Delete' })] },
    status,
  });
  const { steps } = plan(factsWith(aToken(), { binding: b }), {
    ...deliver,
    cleaningUp: { type: 'unset' },
    settingFlySecret: {
      type: 'deliveryFailed',
      at: NOON,
      failure: { reason: 'PlatformUnavailable', disposition: 'retry', message: '' },
    },
  });
  assert.ok(!steps.includes('cleaningUp'), steps.join());
});

test('a change from Rolling to Stage amid a rollout leaves the other machines alone', () => {
  const status = recorded('Retain');
  Object.assign(status.deliveries[0] ?? {}, {
    conditions: [
      {
        type: 'Delivered',
        status: 'False' as const,
        reason: 'RollingOut',
        message: '',
        lastTransitionTime: T(NOON),
      },
    ],
  });
  const { steps } = plan(
    factsWith(aToken(), {
      binding: aBinding({
        metadata: { generation: 2 },
        spec: { deliveries: [aDelivery({ rollout: { ...ROLLOUT, strategy: 'Stage' } })] },
        status,
      }),
    }),
    deliver,
  );
  assert.ok(!steps.includes('rollingOut'), steps.join());
});

test('a requested refresh that failed is not forgotten when somebody edits the spec', () => {
  const status = {
    observedGeneration: 1,
    lastHandledRefreshAt: 'x',
    attempts: { ...attempts(NOON + MINUTE, 'ProviderUnavailable'), credentialVersion: 'uid/7' },
    conditions: [
      {
        type: 'Issued',
        status: 'False' as const,
        reason: 'ProviderUnavailable',
        message: '',
        lastTransitionTime: T(NOON),
      },
    ],
  };
  const binding = aBinding({
    metadata: { generation: 2, annotations: { [REFRESH_REQUESTED_AT]: 'x' } },
    status,
  });
  const { steps, progress } = plan(factsWith(aToken(), { binding }), issue);
  const issued = statusOf(progress).conditions?.find((c) => c.type === 'Issued');
  assert.ok(steps.includes('acquiringToken'), `steps: [${steps}], Issued=${issued?.status}`);
});

test('a requested refresh tries a delivery again whose rollout failed', () => {
  const status = recorded('Retain');
  Object.assign(status.deliveries[0] ?? {}, {
    attempts: attempts(NOON + 20 * MINUTE, 'RolloutFailed'),
    conditions: [
      {
        type: 'Delivered',
        status: 'False' as const,
        reason: 'RolloutFailed',
        message: '',
        lastTransitionTime: T(NOON),
      },
    ],
  });
  const binding = aBinding({
    metadata: { annotations: { [REFRESH_REQUESTED_AT]: 'x' } },
    spec: { deliveries: [aDelivery()] },
    status,
  });
  const { steps } = plan(factsWith(aToken(), { binding }), { ...issue, ...deliver });
  assert.ok(steps.includes('settingFlySecret'), steps.join());
});

test('the status recorded amid a new generation says Reconciling', () => {
  const status = { ...recorded('Retain'), observedGeneration: 1 };
  const binding = aBinding({ metadata: { generation: 2 }, spec: { deliveries: [aDelivery()] }, status });
  let mid: TokenBindingStatus | undefined;
  plan(factsWith(aToken({ fingerprint: 'other' }), { binding }), {
    ...issue,
    ...deliver,
    recording: (p) => {
      mid = statusOf(p);
      return { type: 'recorded' };
    },
  });
  const c = Object.fromEntries((mid?.conditions ?? []).map((x) => [x.type, `${x.status}/${x.reason}`]));
  assert.ok(c.Reconciling, `observedGeneration ${mid?.observedGeneration} ${JSON.stringify(c)}`);
});

test('an expired held token is not stored', () => {
  const held = aToken({ id: 'h'.repeat(16), issuedAt: NOON - 2 * HOUR, expiresAt: NOON - HOUR });
  const { steps, progress } = plan(someFacts({ held: { token: held } }), {
    ...issue,
    writingSecret: (p) => ({ type: 'secretWritten', token: p.held ?? held }),
  });
  assert.equal(steps[0], 'acquiringToken', `${steps.join()}, ready: ${readiness(progress).reason}`);
});

test('a held token does not answer a request made after it', () => {
  const binding = aBinding({ metadata: { annotations: { [REFRESH_REQUESTED_AT]: 'x' } } });
  const held = aToken({ id: 'h'.repeat(16), issuedAt: NOON - MINUTE, expiresAt: NOON + HOUR });
  const { steps, progress } = plan(someFacts({ binding, held: { token: held } }), {
    ...issue,
    writingSecret: (p) => ({ type: 'secretWritten', token: p.held ?? held }),
  });
  assert.ok(
    steps.includes('acquiringToken'),
    `${steps.join()}; handled=${statusOf(progress).lastHandledRefreshAt}`,
  );
});

test('a token from the future is replaced', () => {
  const t = aToken({ issuedAt: NOON + 365 * 24 * HOUR, expiresAt: NOON + 366 * 24 * HOUR });
  const { steps, progress } = plan(factsWith(t), issue);
  assert.ok(steps.includes('acquiringToken'), `rests; Ready ${readiness(progress).status}`);
});

test('Ready is False while a delivery holds an expired token, however many were issued since', () => {
  // A (held by the app) expired at NOON-5m; B issued, never delivered; C just issued.
  const status = {
    ...recorded('Retain'),
    token: {
      id: 'b'.repeat(16),
      issuedAt: T(NOON - 40 * MINUTE),
      expiresAt: T(NOON + 20 * MINUTE),
      previousExpiresAt: T(NOON - 5 * MINUTE),
    },
  };
  Object.assign(status.deliveries[0] ?? {}, {
    heldUntil: T(NOON - 5 * MINUTE),
    attempts: attempts(NOON + MINUTE),
    conditions: [
      {
        ...{ type: 'Delivered', status: 'False' as const, reason: 'PlatformUnavailable', message: '' },
        lastTransitionTime: T(NOON - HOUR),
      },
    ],
  });
  const binding = aBinding({ spec: { deliveries: [aDelivery()] }, status });
  const beforeC = begin(
    factsWith(aToken({ id: 'b'.repeat(16), expiresAt: NOON + 20 * MINUTE }), { binding }),
  );
  assert.equal(readiness(beforeC).reason, 'TokenExpired');
  const afterC = begin(
    factsWith(aToken({ id: 'c'.repeat(16), issuedAt: NOON, expiresAt: NOON + HOUR }), { binding }),
  );
  assert.deepEqual([readiness(afterC).status, readiness(afterC).reason], ['False', 'TokenExpired']);
});
