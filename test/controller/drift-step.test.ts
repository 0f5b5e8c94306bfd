import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDrift } from '../../controller/drift-step.ts';
import { Memory } from '../../controller/memory.ts';
import type { Run } from '../../controller/run.ts';
import { Planner } from '../../src/binding/planner.ts';
import { FailureError, failure } from '../../src/failure.ts';
import type { FlyApp } from '../../src/fly/fly-app.ts';
import type { RolloutProgress } from '../../src/fly/rollout-progress.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { recorded } from '../binding/results.ts';
import { aBinding, aDelivery, aToken, factsWith, MINUTE, NOON, ROLLOUT } from '../support/binding.ts';
import { FakeClock } from '../support/fake-clock.ts';

const KEY = 'toolbridge/toolbridge-api';
const VALUE = new SecretValue('canary');
const delivered = { digest: 'ours', tokenId: VALUE.id(KEY) };
const machines = { total: 2, current: 1, skipped: 0, failed: 1 };

interface App {
  /** Of its secret; a failure when that cannot be told. */
  readonly digest: string | FailureError;
  readonly progress: RolloutProgress;
  readonly taker?: string;
}

/** A run whose delivery is due to be compared with an app that is as `app` says. */
function run(app: App, strategy: 'Rolling' | 'Reload' = 'Rolling') {
  const memory = new Memory();
  if (app.taker !== undefined) memory.turns.set('toolbridge-mcp', app.taker);
  const deliveries = recorded('Retain').deliveries.map((record) => ({ ...record, ...delivered }));
  const binding = aBinding({
    spec: { deliveries: [aDelivery({ rollout: { ...ROLLOUT, strategy } })] },
    status: { deliveries },
  });
  const planner = new Planner(
    factsWith(aToken({ id: delivered.tokenId }), { binding, driftDueAt: { mcp: NOON } }),
  );
  let rollouts = 0;
  let digests = 0;
  const flyApp: Partial<FlyApp> = {
    secretDigest: async () => {
      digests += 1;
      if (app.digest instanceof FailureError) throw app.digest;
      return app.digest;
    },
    advanceRollout: async () => {
      rollouts += 1;
      return app.progress;
    },
  };
  const labels = { 'tokenbinding.erauner.dev/credential': 'true' };
  const data = new Map([['token', VALUE]]);
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
  return { made, planner, memory, rollouts: () => rollouts, digests: () => digests };
}

const failed: RolloutProgress = {
  ...{ machines, state: 'failed', failure: failure('RolloutFailed', 'Machine m1 is ill.') },
};
/** Every other machine has the token. */
const ill: RolloutProgress = { ...failed, complete: true };

test('a machine that fell ill by itself is no drift and fails no delivery', async () => {
  const { made, planner, rollouts } = run({ digest: 'ours', progress: ill });
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

test('a machine that keeps others from the token fails the delivery, as in a rollout', async () => {
  const { made, planner } = run({ digest: 'ours', progress: failed });
  planner.report(await checkDrift(made));
  assert.equal(planner.plan.rest, 'stalled');
  const [record] = planner.plan.progress.deliveries;
  const delivered = record?.conditions?.find(({ type }) => type === 'Delivered');
  assert.deepEqual([delivered?.status, delivered?.reason], ['False', 'RolloutFailed']);
  assert.match(delivered?.message ?? '', /Machine m1 is ill/);
});

test('a machine that the check itself made ill fails the delivery', async () => {
  const { made, planner } = run({ digest: 'ours', progress: { ...ill, updatedMachines: ['m1'] } });
  planner.report(await checkDrift(made));
  assert.equal(planner.plan.rest, 'stalled');
});

test('an app that cannot be asked is noted with the version of the API token, until it answers', async () => {
  const refused = new FailureError(failure('Unauthorized', 'It is revoked.'));
  const { made, planner, memory } = run({ digest: refused, progress: failed });
  const result = await checkDrift(made);
  assert.deepEqual(result.type === 'driftUnknown' && result.failure, refused.failure);
  assert.equal(memory.driftChecks.get(`${KEY}/mcp`)?.failedWith, 'fly-deploy/token@uid/8');
  planner.report(result);
  assert.equal(planner.plan.rest, 'current');
  const mended = run({ digest: 'ours', progress: ill });
  mended.memory.driftChecks.set(`${KEY}/mcp`, { secretAt: NOON, machinesAt: NOON, failedWith: '' });
  await checkDrift(mended.made);
  assert.equal(mended.memory.driftChecks.get(`${KEY}/mcp`)?.failedWith, undefined);
  assert.equal(mended.digests(), 1, 'a check after one that failed is a whole one');
});

test('with Reload the machines alone are looked at until the secret is due', async () => {
  for (const [ago, digests] of [
    [9 * MINUTE, 0],
    [10 * MINUTE, 1],
  ] as const) {
    const looked = run({ digest: 'theirs', progress: ill }, 'Reload');
    const check = { secretAt: NOON - ago, machinesAt: NOON - MINUTE };
    looked.memory.driftChecks.set(`${KEY}/mcp`, check);
    const result = await checkDrift(looked.made);
    assert.deepEqual([looked.digests(), looked.rollouts()], [digests, 1 - digests]);
    assert.equal(result.type === 'driftChecked' && result.digest, digests === 0 ? 'ours' : 'theirs');
    const noted = looked.memory.driftChecks.get(`${KEY}/mcp`);
    const now = looked.made.world.clock.now();
    assert.deepEqual(noted, { secretAt: digests === 0 ? check.secretAt : now, machinesAt: now });
  }
});
