import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { deliveredCondition } from '../../src/binding/delivery.ts';
import type { Progress } from '../../src/binding/progress.ts';
import { readiness } from '../../src/binding/readiness.ts';
import { refreshPolicy } from '../../src/binding/renewal.ts';
import type { StepResult } from '../../src/binding/step-result.ts';
import { MINUTE, NOON } from '../support/binding.ts';
import { apply, failWith, message, recordOf, scene, told } from './delivery-scene.ts';

const TOTAL = 50;
/** A look at the machines, so many minutes after the rollout began. */
const turn = (current: number, minutes = 0, note?: string): StepResult => ({
  ...{ type: 'rolled', at: NOON + minutes * MINUTE },
  progress: {
    ...{ machines: { total: TOTAL, current, skipped: 0, failed: 0 }, done: current === TOTAL },
    ...(current < TOTAL && { retryAt: NOON + minutes * MINUTE + 1000 }),
    note,
  },
});
const outage = failWith(told('Fly app toolbridge-mcp: no answer.', 'PlatformUnavailable'));
const failures = (run: Progress) => recordOf(run).attempts?.consecutive ?? 0;
const begun = () =>
  apply(scene({ rollout: { timeout: '30m' }, record: { machines: undefined } as never }), turn(0));

describe('failures amid a rollout', () => {
  it('are forgotten when more machines have the token, and add up when none has', () => {
    const stuck = apply(begun(), outage, turn(0), outage, turn(0), outage);
    assert.equal(failures(stuck), 3);
    assert.equal(failures(apply(stuck, turn(1))), 0);
    assert.equal(failures(apply(stuck, turn(1), outage)), 1);
  });

  it('never count more than those since the last machine', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2), { maxLength: 40 }), (steps) => {
        let run = begun();
        let current = 0;
        let since = 0;
        for (const step of steps) {
          current += step === 2 ? 1 : 0;
          since = step === 0 ? since + 1 : step === 2 ? 0 : since;
          run = apply(run, step === 0 ? outage : turn(current));
          assert.equal(failures(run), since);
        }
      }),
    );
  });

  it('count anew when the failure itself tells of more machines', () => {
    const machines = { total: TOTAL, current: 8, skipped: 0, failed: 1 };
    const stuck = apply(begun(), outage, outage);
    const failed = apply(stuck, { type: 'deliveryFailed', failure: told('Ill.'), machines, at: NOON });
    assert.equal(failures(failed), 1);
  });
});

describe('a rollout that takes longer than rollout.timeout', () => {
  it('goes on while it reaches machines, and says so', () => {
    const run = apply(begun(), turn(20, 29), turn(21, 31, 'Waiting for machine m9 to become healthy.'));
    assert.equal(deliveredCondition(recordOf(run))?.reason, 'RollingOut');
    assert.equal(
      message(run),
      '21 of 50 machines have the current token. The rollout takes longer than rollout.timeout (30m); it goes on ' +
        'while it reaches machines. Waiting for machine m9 to become healthy.',
    );
    assert.equal(deliveredCondition(recordOf(apply(run, turn(TOTAL, 50))))?.reason, 'Delivered');
  });

  it('has failed when it comes no further, and goes on when it does again', () => {
    const stuck = apply(begun(), turn(20, 29), turn(20, 31, 'Machine m9 is on a host that does not answer.'));
    assert.match(
      message(stuck),
      /^Fly app toolbridge-mcp: the rollout takes longer than rollout.timeout \(30m\) and comes no further\. Machine m9 is on a host that does not answer\. See `fly status -a toolbridge-mcp`\. Machines that lack the new token hold/,
    );
    assert.equal(deliveredCondition(recordOf(stuck))?.reason, 'RolloutFailed');
    const moving = apply(stuck, turn(21, 35));
    assert.equal(deliveredCondition(recordOf(moving))?.reason, 'RollingOut');
    assert.equal(failures(moving), 0);
  });

  it('lets the next renewal start earlier', () => {
    const stuck = apply(begun(), turn(20, 29), turn(20, 31));
    assert.equal(recordOf(stuck).lastRolloutDuration, '31m0s');
    assert.equal(refreshPolicy(stuck).slowestDelivery, 31 * MINUTE);
    assert.equal(recordOf(apply(stuck, turn(TOTAL, 40))).lastRolloutDuration, '40m0s');
  });

  it('does not make a delivery that never had a token look as if it had one', () => {
    const first = scene({
      rollout: { timeout: '30m' },
      record: { machines: undefined, heldUntil: undefined } as never,
    });
    const stuck = apply(first, turn(0), turn(0, 31), turn(1, 40));
    assert.equal(recordOf(stuck).lastRolloutDuration, '31m0s');
    assert.equal(readiness(stuck).reason, 'NeverIssued');
  });

  it('ends, whatever machines do: each turn reaches one more or fails', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(TOTAL - 1), { minLength: 1, maxLength: 30 }), (seen) => {
        let run = begun();
        seen.forEach((current, index) => {
          const before = recordOf(run).machines?.current ?? 0;
          run = apply(run, turn(current, 31 + index));
          const isFailed = deliveredCondition(recordOf(run))?.reason === 'RolloutFailed';
          assert.equal(isFailed, current <= before);
        });
      }),
    );
  });
});
