import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REFRESH_REQUESTED_AT } from '../../src/binding/names.ts';
import { statusOf } from '../../src/binding/status.ts';
import type { StepResult } from '../../src/binding/step-result.ts';
import { wakeTime } from '../../src/binding/wake.ts';
import { failure } from '../../src/failure.ts';
import { aBinding, aDelivery, aToken, factsWith, HOUR, MINUTE, NOON } from '../support/binding.ts';
import { type Course, plan } from './plan.ts';
import { deliver, fresh, issue, recorded } from './results.ts';

const old = aToken({ id: 'oooooooooooooooo', issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
const served = { ...recorded('Retain').deliveries[0], tokenId: old.id, heldUntil: '2026-11-24T12:15:00Z' };
const spec = { deliveries: [aDelivery()] };
const refused: StepResult = {
  type: 'tokenRejected',
  failure: failure('RolloutFailed', 'Fly app toolbridge-mcp: machine m1 did not become healthy in time.'),
  ...{ machineId: 'm1', machines: { total: 3, current: 0, skipped: 0, failed: 1 }, at: NOON },
};

/** A run in which the new token is refused, and that ends amid the rollback with `result`. */
function refusedThen(result: StepResult): Course {
  const binding = aBinding({ spec, status: { observedGeneration: 1, deliveries: [served as never] } });
  let rollouts = 0;
  return plan(factsWith(old, { binding }), {
    ...{ ...issue, ...deliver },
    rollingOut: () => {
      rollouts += 1;
      return rollouts === 1 ? refused : result;
    },
  });
}
const underWay: StepResult = {
  type: 'rolled',
  progress: {
    machines: { total: 1, current: 0, skipped: 0, failed: 0 },
    done: false,
    retryAt: NOON + MINUTE,
  },
  at: NOON,
};
const broken: StepResult = {
  type: 'deliveryFailed',
  failure: failure('RolloutFailed', 'Fly app toolbridge-mcp: machine m1 did not become healthy in time.'),
  at: NOON,
};

describe('a rollback', () => {
  it('that a newer token overtakes does not keep that token from the other machines', () => {
    const course = refusedThen(underWay);
    assert.equal(statusOf(course.progress).deliveries?.[0]?.rollbackMachine, 'm1');
    const newer = { ...fresh, id: 'cccccccccccccccc', expiresAt: NOON + 2 * HOUR };
    const binding = aBinding({
      ...{ spec, status: statusOf(course.progress) },
      metadata: { annotations: { [REFRESH_REQUESTED_AT]: 'now' } },
    });
    const machines: (string | undefined)[] = [];
    plan(factsWith(fresh, { now: NOON + MINUTE, binding, previous: old }), {
      ...deliver,
      acquiringToken: { ...issue.acquiringToken, token: newer, at: NOON + MINUTE },
      writingSecret: { type: 'secretWritten', token: newer },
      rollingOut: ({ deliveries }) => {
        machines.push(deliveries[0]?.rollbackMachine);
        return deliver.rollingOut;
      },
    });
    assert.deepEqual(machines, [undefined], 'the rollout must be of the whole app');
  });

  it('that fails is waited out like any failed rollout', () => {
    const course = refusedThen(broken);
    const status = statusOf(course.progress);
    const nextTime = Date.parse(status.deliveries?.[0]?.attempts?.nextTime ?? '');
    assert.ok((wakeTime(course.progress, status) ?? 0) <= nextTime);
    const binding = aBinding({ spec, status });
    const again = (now: number) =>
      plan(factsWith(fresh, { now, binding, previous: old }), { ...deliver, rollingOut: broken }).steps;
    assert.deepEqual(again(NOON + 1_000), []);
    assert.deepEqual(again(nextTime).at(0), 'rollingOut');
  });
});
