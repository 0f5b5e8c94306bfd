import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDrift } from '../../controller/drift-step.ts';
import { Memory } from '../../controller/memory.ts';
import type { Run } from '../../controller/run.ts';
import { Planner } from '../../src/binding/planner.ts';
import { failure } from '../../src/failure.ts';
import type { FlyApp } from '../../src/fly/fly-app.ts';
import type { RolloutProgress } from '../../src/fly/rollout-progress.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { recorded } from '../binding/results.ts';
import { aBinding, aDelivery, aToken, factsWith, NOON } from '../support/binding.ts';
import { FakeClock } from '../support/fake-clock.ts';

const KEY = 'toolbridge/toolbridge-api';
const machines = { total: 2, current: 1, skipped: 0, failed: 1 };

/** A run whose delivery is due to be compared with an app that is as `app` says. */
function run(app: { digest: string; progress: RolloutProgress; taker?: string }) {
  const memory = new Memory();
  if (app.taker !== undefined) memory.turns.set('toolbridge-mcp', app.taker);
  const deliveries = recorded('Retain').deliveries.map((record) => ({ ...record, digest: 'ours' }));
  const binding = aBinding({ spec: { deliveries: [aDelivery()] }, status: { deliveries } });
  const planner = new Planner(factsWith(aToken(), { binding, driftDueAt: { mcp: NOON } }));
  let rollouts = 0;
  const flyApp: Partial<FlyApp> = {
    secretDigest: async () => app.digest,
    advanceRollout: async () => {
      rollouts += 1;
      return app.progress;
    },
  };
  const labels = { 'tokenbinding.erauner.dev/credential': 'true' };
  const data = new Map([['token', new SecretValue('canary')]]);
  const secrets = { read: async () => ({ metadata: { uid: '', resourceVersion: '', labels }, data }) };
  const world = {
    memory,
    clock: new FakeClock(),
    secrets,
    bindings: { list: () => [] },
    flyApp: () => flyApp,
  };
  const { progress } = planner.plan;
  const signal = new AbortController().signal;
  const made = { world, key: KEY, binding, progress, signal } as unknown as Run;
  return { made, planner, rollouts: () => rollouts };
}

const failed: RolloutProgress = {
  ...{ machines, state: 'failed', failure: failure('RolloutFailed', 'Machine m1 is ill.') },
};

test('a machine that fell ill by itself is no drift and fails no delivery', async () => {
  const { made, planner, rollouts } = run({ digest: 'ours', progress: failed });
  assert.equal(planner.plan.step, 'checkingDrift');
  planner.report(await checkDrift(made));
  assert.equal(rollouts(), 1);
  assert.equal(planner.plan.rest, 'current');
});

test('while another binding rolls the app out, its machines are left to that', async () => {
  const { made, planner, rollouts } = run({ digest: 'ours', progress: failed, taker: 'other/binding' });
  planner.report(await checkDrift(made));
  assert.equal(rollouts(), 0);
  assert.equal(planner.plan.rest, 'current');
});

test('machines are left alone as long as the secret is not ours', async () => {
  const { made, rollouts } = run({ digest: 'theirs', progress: failed });
  const result = await checkDrift(made);
  assert.equal(result.type === 'driftChecked' && result.digest, 'theirs');
  assert.equal(rollouts(), 0);
});
