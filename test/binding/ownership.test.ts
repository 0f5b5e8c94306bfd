import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { statusOf } from '../../src/binding/status.ts';
import { aBinding, aDelivery, aToken, factsWith, NOON, someFacts } from '../support/binding.ts';
import { plan } from './plan.ts';
import { deletion, deliver, outage, recorded, refusal } from './results.ts';

const deliveries = [aDelivery({ deletionPolicy: 'Delete' })];
const ends = { recording: { type: 'recorded' }, releasing: { type: 'released' } } as const;

describe('a remote secret of policy Delete', () => {
  it('that was never written is not unset, since it is somebody else’s', () => {
    const first = plan(someFacts({ binding: aBinding({ spec: { suspend: true, deliveries } }) }));
    const binding = aBinding({ spec: { deliveries: [] }, status: statusOf(first.progress) });
    const { steps } = plan(factsWith(aToken(), { binding }), ends);
    assert.deepEqual(steps, []);
  });

  it('counts as ours from the record before its first write on, whatever a crash leaves of that', () => {
    const first = plan(factsWith(aToken(), { binding: aBinding({ spec: { deliveries } }) }), {
      ...deliver,
      settingFlySecret: {
        type: 'deliveryFailed',
        at: NOON,
        failure: { ...outage, reason: 'PlatformUnavailable' },
      },
    });
    const status = statusOf(first.progress);
    const binding = aBinding({ metadata: deletion, spec: { deliveries }, status });
    const { steps } = plan(factsWith(aToken(), { binding }), { ...ends, cleaningUp: { type: 'unset' } });
    assert.ok(steps.includes('cleaningUp'));
  });

  it('is not ours when Fly refused the very first write', () => {
    const first = plan(factsWith(aToken(), { binding: aBinding({ spec: { deliveries } }) }), {
      ...deliver,
      settingFlySecret: { type: 'deliveryFailed', at: NOON, failure: refusal },
    });
    const binding = aBinding({ metadata: deletion, spec: { deliveries }, status: statusOf(first.progress) });
    assert.deepEqual(plan(factsWith(aToken(), { binding }), ends).steps, ['releasing']);
  });

  it('is left to another binding that has written it and still wants it', () => {
    const binding = aBinding({ metadata: deletion, spec: { deliveries }, status: recorded('Delete') });
    const claimedElsewhere = ['toolbridge-mcp/TOOLBRIDGE_JWT_TOKEN'];
    assert.deepEqual(plan(factsWith(aToken(), { binding, claimedElsewhere }), ends).steps, ['releasing']);
  });
});
