import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { getShortestPaths } from 'xstate/graph';
import { machine, type Step } from '../../src/binding/machine.ts';
import { Planner } from '../../src/binding/planner.ts';
import { statusOf } from '../../src/binding/status.ts';
import type { StepResult } from '../../src/binding/step-result.ts';
import type { Delivery } from '../../src/binding/token-binding.generated.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { failure } from '../../src/failure.ts';
import {
  aBinding,
  aDelivery,
  aToken,
  factsWith,
  MINUTE,
  NOON,
  PROBE,
  someFacts,
} from '../support/binding.ts';
import { deletion, deliver, fresh, issue, outage, recorded, refusal } from './results.ts';

/** Everything a step may report. */
const REPORTS: Readonly<Record<Step, readonly StepResult[]>> = {
  acquiringToken: [
    issue.acquiringToken,
    { type: 'issueDeferred', deferral: { until: NOON + 1 } },
    { type: 'issueFailed', failure: outage, at: NOON },
  ],
  probingToken: [
    { type: 'probed', result: 'Accepted' },
    { type: 'issueFailed', failure: failure('ProbeRejected', 'Rejected.'), at: NOON },
  ],
  writingSecret: [issue.writingSecret],
  recording: [deliver.recording],
  settingFlySecret: [deliver.settingFlySecret, { type: 'deliveryFailed', failure: refusal, at: NOON }],
  rollingOut: [
    deliver.rollingOut,
    { type: 'rolled', progress: { ...deliver.rollingOut.progress, done: false, retryAt: NOON }, at: NOON },
    { type: 'deliveryFailed', failure: { ...refusal, reason: 'RolloutFailed' }, at: NOON },
    {
      ...{ type: 'tokenRejected', machineId: 'm1', machines: deliver.rollingOut.progress.machines, at: NOON },
      failure: failure('RolloutFailed', 'Unwell.'),
    },
    { type: 'rolloutPostponed', until: NOON + 1 },
  ],
  keepingPrevious: [{ type: 'previousKept', token: aToken() }, { type: 'previousNotKept' }],
  checkingDrift: [
    { type: 'driftChecked', digest: 'd', at: NOON },
    { type: 'driftChecked', digest: 'other', at: NOON },
    { type: 'driftUnknown', failure: refusal, at: NOON },
  ],
  forgettingPrevious: [{ type: 'previousForgotten' }],
  cleaningUp: [{ type: 'unset' }, { type: 'cleanupFailed', failure: refusal, at: NOON }],
  releasing: [{ type: 'released' }],
};

const due = aToken({ issuedAt: NOON - 45 * MINUTE, expiresAt: NOON + 15 * MINUTE });
const both = [aDelivery(), aDelivery({ app: 'other', deletionPolicy: 'Delete' }, 'other')];
const bindingsWith = (deliveries: Delivery[]) => [
  aBinding(),
  aBinding({ spec: { verify: { probe: PROBE } } }),
  aBinding({ spec: { suspend: true, deliveries } }),
  aBinding({ spec: { deliveries } }),
  aBinding({ spec: { deliveries }, status: recorded('Retain') }),
  aBinding({ spec: { deliveries }, status: recorded('Delete', 'dropped') }),
  aBinding({ metadata: deletion, spec: { deliveries }, status: recorded('Delete') }),
  aBinding({ metadata: { ...deletion, finalizers: [] } }),
];
const keptBefore = aToken({ id: 'pppppppppppppppp', issuedAt: NOON - 50 * MINUTE });
const situationsOf = (binding: TokenBinding) => [
  someFacts({ binding }),
  factsWith(aToken(), { binding }),
  factsWith(aToken(), { binding, previous: keptBefore }),
  factsWith(due, { binding, previous: { ...keptBefore, expiresAt: NOON - 1 } }),
  factsWith(aToken(), { binding, driftDueAt: { mcp: NOON, other: NOON } }),
  factsWith(due, { binding }),
  factsWith(aToken({ expiresAt: NOON - 1 }), { binding }),
  someFacts({ binding, secret: { state: 'ours', token: aToken(), shaped: false } }),
  someFacts({ binding, secret: { state: 'foreign', owner: 'Deployment web' } }),
  someFacts({ binding, held: { token: { ...fresh, fingerprint: 'fits' } } }),
];
const situations = bindingsWith(both).flatMap(situationsOf);
/** Every path is walked for one delivery only: their number is squared by another. */
const smallSituations = bindingsWith([aDelivery({ deletionPolicy: 'Delete' })]).flatMap(situationsOf);

describe('the machine', () => {
  it('reaches every state from some situation, and every path ends at rest', () => {
    const reached = new Set<string>();
    for (const facts of smallSituations) {
      const events = Object.values(REPORTS).flat();
      const paths = getShortestPaths(machine, { input: facts, events });
      for (const { state, steps } of paths) {
        reached.add(String(state.value));
        assert.ok(steps.length < 30);
      }
      const ends = paths.filter(({ state }) => state.status === 'done');
      assert.ok(ends.length > 0, `no end for ${JSON.stringify(facts.secret)}`);
    }
    const states = Object.keys(machine.states).filter((name) => name !== 'deciding');
    assert.deepEqual(
      states.filter((name) => !reached.has(name)),
      [],
    );
  });

  it('ends every run in few steps whatever is reported, in a state that its status can tell', () => {
    fc.assert(
      fc.property(fc.constantFrom(...situations), fc.infiniteStream(fc.nat()), (facts, choices) => {
        const planner = new Planner(facts);
        let steps = 0;
        for (const choice of choices) {
          const { step } = planner.plan;
          if (!step) break;
          steps += 1;
          assert.ok(steps < 30, `no end after ${steps} steps`);
          const reports = REPORTS[step];
          const report = reports[choice % reports.length];
          if (report) planner.report(report);
        }
        const { conditions = [] } = statusOf(planner.plan.progress);
        const types = conditions.map(({ type }) => type);
        assert.equal(new Set(types).size, types.length);
        assert.ok(!(types.includes('Stalled') && types.includes('Reconciling')));
      }),
      { numRuns: 500 },
    );
  });
});
