import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SKIP_CLEANUP } from '../../src/binding/names.ts';
import { statusOf } from '../../src/binding/status.ts';
import { aBinding, aDelivery, aToken, factsWith, MINUTE, NOON, ROLLOUT } from '../support/binding.ts';
import { plan } from './plan.ts';
import { deletion, deliver, machines, outage, recorded, refusal } from './results.ts';

describe('a delivery', () => {
  const binding = aBinding({ spec: { deliveries: [aDelivery()] } });

  it('is recorded before its secret is written, and its write before any machine is touched', () => {
    const { steps } = plan(factsWith(aToken(), { binding }), deliver);
    assert.deepEqual(steps, ['recording', 'settingFlySecret', 'recording', 'rollingOut']);
  });

  it('that holds the current token is left alone', () => {
    const settled = aBinding({ spec: { deliveries: [aDelivery()] }, status: recorded('Retain') });
    assert.deepEqual(plan(factsWith(aToken(), { binding: settled })).steps, []);
  });

  it('rests between machines, so that other bindings get their turn', () => {
    const progress = { machines: { ...machines, current: 1 }, done: false, retryAt: NOON + 1000 };
    const { rest } = plan(factsWith(aToken(), { binding }), {
      ...deliver,
      rollingOut: { type: 'rolled', progress, at: NOON },
    });
    assert.equal(rest, 'waiting');
  });

  it('of strategy Stage is written and not rolled out', () => {
    const staged = aBinding({
      spec: { deliveries: [aDelivery({ rollout: { ...ROLLOUT, strategy: 'Stage' } })] },
    });
    const { steps, rest } = plan(factsWith(aToken(), { binding: staged }), deliver);
    assert.deepEqual([steps, rest], [['recording', 'settingFlySecret'], 'current']);
  });

  it('that fails does not keep another from getting the token', () => {
    const other = aDelivery({ app: 'other' }, 'other');
    const two = aBinding({ spec: { deliveries: [aDelivery(), other] } });
    const { rest, progress } = plan(factsWith(aToken(), { binding: two }), {
      ...deliver,
      settingFlySecret: ({ subject }) =>
        subject === 'mcp' ? { type: 'deliveryFailed', failure: refusal, at: NOON } : deliver.settingFlySecret,
    });
    assert.equal(rest, 'stalled');
    assert.equal(progress.deliveries.find(({ name }) => name === 'other')?.machines?.current, 2);
  });

  it('gets no token that has expired', () => {
    const dead = aToken({ expiresAt: NOON });
    const { steps } = plan(factsWith(dead, { binding }), {
      acquiringToken: { type: 'issueFailed', failure: outage, at: NOON },
    });
    assert.deepEqual(steps, ['acquiringToken']);
  });
});

describe('a target that the spec no longer names', () => {
  it('is unset when its policy was Delete, after the new one has the token', () => {
    const binding = aBinding({
      metadata: { finalizers: deletion.finalizers },
      spec: { deliveries: [aDelivery({ secretName: 'NEW_NAME' })] },
      status: recorded('Delete'),
    });
    const { steps } = plan(factsWith(aToken(), { binding }), {
      ...deliver,
      cleaningUp: { type: 'unset' },
      releasing: { type: 'released' },
    });
    assert.deepEqual(steps, [
      'recording',
      'settingFlySecret',
      'recording',
      'cleaningUp',
      'releasing',
      'rollingOut',
    ]);
  });

  it('is forgotten when its policy was Retain', () => {
    const { steps, progress } = plan(
      factsWith(aToken(), { binding: aBinding({ status: recorded('Retain') }) }),
    );
    assert.deepEqual(steps, []);
    assert.deepEqual(statusOf(progress).deliveries, []);
  });

  it('is unset while suspended too', () => {
    const binding = aBinding({ spec: { suspend: true }, status: recorded('Delete') });
    const { steps, rest } = plan(factsWith(aToken(), { binding }), {
      recording: { type: 'recorded' },
      cleaningUp: { type: 'unset' },
      releasing: { type: 'released' },
    });
    assert.deepEqual([steps, rest], [['recording', 'cleaningUp', 'releasing'], 'suspended']);
  });
});

describe('a policy that becomes Delete after the secret was written', () => {
  const spec = { deliveries: [aDelivery({ deletionPolicy: 'Delete' })] };

  for (const suspend of [false, true]) {
    it(`keeps the binding from going without it from then on${suspend ? ', suspended or not' : ''}`, () => {
      const binding = aBinding({ spec: { ...spec, suspend }, status: recorded('Retain') });
      const { steps, progress } = plan(factsWith(aToken(), { binding }), {
        recording: { type: 'recorded' },
      });
      assert.deepEqual(steps, ['recording']);
      assert.equal(progress.finalized, true);
    });
  }
});

describe('a deleted binding', () => {
  const spec = { deliveries: [aDelivery({ deletionPolicy: 'Delete' })] };
  const deleted = aBinding({ metadata: deletion, spec, status: recorded('Delete') });
  const cleanupFails = { type: 'cleanupFailed', failure: refusal, at: NOON } as const;

  it('has its remote secret unset before it goes', () => {
    const { steps, rest } = plan(factsWith(aToken(), { binding: deleted }), {
      recording: { type: 'recorded' },
      cleaningUp: { type: 'unset' },
      releasing: { type: 'released' },
    });
    assert.deepEqual([steps, rest], [['recording', 'cleaningUp', 'releasing'], 'removed']);
  });

  it('that cannot be cleaned up stays, and says why and what the way out is', () => {
    const { rest, progress } = plan(factsWith(aToken(), { binding: deleted }), {
      recording: { type: 'recorded' },
      cleaningUp: cleanupFails,
    });
    assert.equal(rest, 'stalled');
    const message = statusOf(progress).conditions?.find(({ type }) => type === 'Stalled')?.message ?? '';
    assert.match(message, /TOOLBRIDGE_JWT_TOKEN of the Fly app toolbridge-mcp/);
    assert.match(
      message,
      /kubectl annotate tb toolbridge-api -n toolbridge tokenbinding\.erauner\.dev\/skip-cleanup=true$/,
    );
  });

  it('goes without cleaning up when it is told to', () => {
    const annotations = { [SKIP_CLEANUP]: 'true' };
    const binding = aBinding({ ...deleted, metadata: { ...deletion, annotations } });
    const { steps, rest } = plan(factsWith(aToken(), { binding }), { releasing: { type: 'released' } });
    assert.deepEqual([steps, rest], [['releasing'], 'removed']);
  });

  it('is not renewed any more', () => {
    const due = aToken({ issuedAt: NOON - 59 * MINUTE, expiresAt: NOON + MINUTE });
    const binding = aBinding({ metadata: { ...deletion, finalizers: [] } });
    assert.deepEqual(plan(factsWith(due, { binding })).steps, []);
  });
});
