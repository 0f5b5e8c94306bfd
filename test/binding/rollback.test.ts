import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Facts } from '../../src/binding/facts.ts';
import { retrialTime } from '../../src/binding/rollback.ts';
import { statusOf } from '../../src/binding/status.ts';
import type { StepResult } from '../../src/binding/step-result.ts';
import type { RolloutSettings } from '../../src/binding/token-binding.generated.ts';
import { transitions } from '../../src/binding/transitions.ts';
import { wakeTime } from '../../src/binding/wake.ts';
import { failure } from '../../src/failure.ts';
import { aBinding, aDelivery, aToken, factsWith, HOUR, MINUTE, NOON, ROLLOUT } from '../support/binding.ts';
import { type Course, plan } from './plan.ts';
import { deliver, fresh, issue, recorded } from './results.ts';

const old = aToken({ id: 'oooooooooooooooo', issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
const served = { ...recorded('Retain').deliveries[0], tokenId: old.id, heldUntil: '2026-11-24T12:15:00Z' };
const binding = (rollout: Partial<RolloutSettings> = {}) =>
  aBinding({
    spec: { deliveries: [aDelivery({ rollout: { ...ROLLOUT, ...rollout } })] },
    status: { observedGeneration: 1, deliveries: [served as never] },
  });
const refused: StepResult = {
  type: 'tokenRejected',
  failure: failure('RolloutFailed', 'Fly app toolbridge-mcp: machine m1 did not become healthy in time.'),
  ...{ machineId: 'm1', machines: { total: 3, current: 0, skipped: 0, failed: 1 }, at: NOON },
};
/** The first rollout fails, what follows works. */
function failingFirst(change: Partial<Record<string, StepResult>> = {}) {
  let rollouts = 0;
  return {
    ...{ ...issue, ...deliver },
    rollingOut: () => {
      rollouts += 1;
      return rollouts === 1 ? refused : deliver.rollingOut;
    },
    ...change,
  };
}
const due = (rollout?: Partial<RolloutSettings>) => factsWith(old, { binding: binding(rollout) });
const delivery = ({ progress }: Course) => statusOf(progress).deliveries?.[0];
const summary = ({ progress }: Course) =>
  Object.fromEntries(
    (statusOf(progress).conditions ?? []).map(({ type, status, reason }) => [type, `${status}/${reason}`]),
  );

/** The next run of the same binding, the new token stored, the old one kept. */
function next(course: Course, change: Partial<Facts> = {}): Facts {
  const status = statusOf(course.progress);
  const spec = course.progress.facts.binding.spec;
  return factsWith(fresh, {
    now: NOON + MINUTE,
    binding: aBinding({ spec, status }),
    previous: old,
    ...change,
  });
}

describe('a token that is replaced', () => {
  it('is kept until every delivery has the new one', () => {
    const { steps } = plan(due(), { ...issue, ...deliver });
    const kept = ['acquiringToken', 'keepingPrevious', 'writingSecret'];
    assert.deepEqual(steps.slice(0, 3), kept);
    assert.equal(steps.at(-1), 'forgettingPrevious');
  });

  it('is not kept where nothing would go back to it', () => {
    for (const rollout of [
      { onFailure: 'Halt' },
      { strategy: 'Stage' },
      { strategy: 'Immediate' },
    ] as const) {
      const { steps } = plan(due(rollout), { ...issue, ...deliver });
      assert.ok(!steps.includes('keepingPrevious'), JSON.stringify(rollout));
    }
  });

  it('does not keep the new one waiting when it cannot be kept', () => {
    const { steps } = plan(due(), { ...issue, ...deliver, keepingPrevious: { type: 'previousNotKept' } });
    assert.ok(steps.includes('rollingOut') && !steps.includes('forgettingPrevious'));
  });
});

describe('a token that the first machine does not get well with', () => {
  it('is taken back: the old one is written again, and that machine alone gets it', () => {
    const course = plan(due(), failingFirst());
    const after = course.steps.slice(course.steps.indexOf('rollingOut') + 1);
    assert.deepEqual(after, ['recording', 'settingFlySecret', 'recording', 'rollingOut']);
    const record = delivery(course);
    assert.equal(record?.tokenId, old.id);
    assert.equal(record?.rejectedTokenId, fresh.id);
    assert.equal(record?.rollbackMachine, undefined);
  });

  it('is told, and no rollout is said to be under way', () => {
    const course = plan(due(), failingFirst());
    assert.deepEqual(summary(course), {
      Ready: 'True/DeliveryRetrying',
      Issued: 'True/Issued',
      Delivered: 'False/RolledBack',
    });
    const ready = statusOf(course.progress).conditions?.find(({ type }) => type === 'Ready');
    assert.equal(
      ready?.message,
      'Delivery "mcp" holds a token valid until 2026-11-24T12:15:00Z; delivering the current one fails: RolledBack.',
    );
    const told = transitions(course.progress, statusOf(course.progress)).map(({ reason }) => reason);
    assert.ok(told.includes('RolledBack'));
  });

  it('is not rolled out again by later runs', () => {
    const course = plan(due(), failingFirst());
    const later = plan(next(course));
    assert.deepEqual([later.steps, later.rest], [[], 'backingOff']);
  });

  it('goes on being taken back after a crash amid that', () => {
    const crash = new Error('crash');
    const planned: Course[] = [];
    assert.throws(
      () =>
        plan(due(), {
          ...failingFirst(),
          settingFlySecret: (progress) => {
            if (progress.deliveries[0]?.rejectedTokenId === undefined) return deliver.settingFlySecret;
            planned.push({ steps: [], rest: 'waiting', progress });
            throw crash;
          },
        }),
      crash,
    );
    const [seen] = planned;
    assert.ok(seen);
    const resumed = plan(next(seen), deliver);
    assert.deepEqual(resumed.steps, ['settingFlySecret', 'recording', 'rollingOut']);
    assert.equal(delivery(resumed)?.tokenId, old.id);
  });

  it('halts instead where the spec says so, or nothing is left to go back to', () => {
    const halted = plan(due({ onFailure: 'Halt' }), failingFirst());
    assert.equal(summary(halted).Delivered, 'False/RolloutFailed');
    const dead = { ...old, expiresAt: NOON };
    const lost = plan(factsWith(dead, { binding: binding() }), failingFirst());
    assert.equal(summary(lost).Delivered, 'False/RolloutFailed');
  });
});

describe('after a refused token', () => {
  const course = plan(due(), failingFirst());

  it('one fresh token is tried before the old one becomes urgent', () => {
    const facts = next(course);
    const { progress } = plan(facts);
    const at = retrialTime(progress) ?? 0;
    assert.ok(at > NOON && at < old.expiresAt - 2 * MINUTE, new Date(at).toISOString());
    assert.equal(wakeTime(progress, statusOf(progress)), at);
    const retried = plan(next(course, { now: at }), { ...issue, ...deliver });
    assert.equal(retried.steps[0], 'acquiringToken');
  });

  it('a second refusal is for a person, and no third token is tried', () => {
    const second = { ...fresh, id: 'cccccccccccccccc' };
    const at = NOON + 7 * MINUTE;
    const again = plan(next(course, { now: at }), {
      ...failingFirst(),
      acquiringToken: { ...issue.acquiringToken, token: second, at },
      writingSecret: { type: 'secretWritten', token: second },
    });
    assert.equal(summary(again).Stalled, 'True/RolledBack');
    assert.equal(delivery(again)?.tokenId, old.id);
    const facts = {
      ...next(again, { now: at + MINUTE }),
      secret: { state: 'ours', token: second, shaped: true },
    } as const;
    assert.deepEqual(plan(facts).steps, []);
  });

  it('a token that works ends it', () => {
    const second = { ...fresh, id: 'cccccccccccccccc', expiresAt: NOON + 2 * HOUR };
    const at = NOON + 7 * MINUTE;
    const cured = plan(next(course, { now: at }), {
      ...{ ...issue, ...deliver },
      acquiringToken: { ...issue.acquiringToken, token: second, at },
      writingSecret: { type: 'secretWritten', token: second },
    });
    assert.equal(summary(cured).Delivered, 'True/Delivered');
    assert.equal(delivery(cured)?.rejections, undefined);
    assert.equal(cured.steps.at(-1), 'forgettingPrevious');
  });
});
