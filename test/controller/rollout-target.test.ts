import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rollOut } from '../../controller/fly-step.ts';
import { Memory } from '../../controller/memory.ts';
import type { Run } from '../../controller/run.ts';
import { Planner } from '../../src/binding/planner.ts';
import type { DeliveryStatus } from '../../src/binding/token-binding.generated.ts';
import { type FlyApp, ROLLOUT_MARKER as marker } from '../../src/fly/fly-app.ts';
import type { RolloutTarget } from '../../src/fly/rollout-site.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { recorded } from '../binding/results.ts';
import { aBinding, aDelivery, aToken, factsWith } from '../support/binding.ts';
import { FakeClock } from '../support/fake-clock.ts';

const [settled] = recorded('Retain').deliveries as [DeliveryStatus];
const { machines: _, ...unrolled } = settled;
const isRollingOut = { ...settled.conditions?.[0], status: 'False', reason: 'RollingOut' };
/** Written as version 3 of the app's secrets, and on its way to machines. */
const underWay = { ...unrolled, conditions: [isRollingOut] } as DeliveryStatus;

/** What a rollout of `record` is to reach while another binding feeds its app, too, with a secret of its own. */
async function targetOf(record: DeliveryStatus, other?: DeliveryStatus): Promise<RolloutTarget> {
  const secretName = 'ANOTHER_TOKEN';
  const binding = aBinding({ spec: { deliveries: [aDelivery()] }, status: { deliveries: [record] } });
  const another = aBinding({
    metadata: { uid: 'another' },
    spec: { deliveries: [aDelivery({ secretName })] },
    status: { deliveries: other ? [{ ...other, target: { ...other.target, secretName } }] : [] },
  });
  const targets: RolloutTarget[] = [];
  const flyApp: Partial<FlyApp> = {
    advanceRollout: async (target) => {
      targets.push(target);
      return { machines: { total: 1, current: 1, skipped: 0, failed: 0 }, state: 'done' };
    },
  };
  const labels = { 'tokenbinding.erauner.dev/credential': 'true' };
  const data = new Map([['token', new SecretValue('canary')]]);
  const world = {
    ...{ memory: new Memory(), clock: new FakeClock(), flyApp: () => flyApp },
    secrets: { read: async () => ({ metadata: { uid: '', resourceVersion: '', labels }, data }) },
    bindings: { list: () => [binding, another] },
  };
  const progress = { ...new Planner(factsWith(aToken(), { binding })).plan.progress, subject: 'mcp' };
  const run = { ...{ world, binding, progress }, key: 'a/b', signal: new AbortController().signal };
  await rollOut(run as unknown as Run);
  const [target] = targets;
  assert.ok(target);
  return target;
}

test('a rollout goes to what was written, unproven until a machine runs well with it', async () => {
  assert.deepEqual(await targetOf(underWay), { secretsVersion: 3, marker, floor: 3, proven: false });
  const proven = { ...underWay, provenTokenId: aToken().id };
  assert.deepEqual(await targetOf(proven), { secretsVersion: 3, marker, floor: 3, proven: true });
});

test("machines get another's later write as well, when that has proven itself", async () => {
  const other = { ...settled, secretsVersion: 5 };
  const proven = { ...underWay, provenTokenId: aToken().id };
  assert.deepEqual(await targetOf(proven, other), { secretsVersion: 3, marker, floor: 5, proven: true });
});

test("another's later write that has not is tried at one machine, whatever ours has proven", async () => {
  const proven = { ...underWay, provenTokenId: aToken().id };
  assert.deepEqual(await targetOf(proven, { ...underWay, secretsVersion: 5 }), { secretsVersion: 5, marker });
});

test('a delivery that is complete is not measured by what another wrote since', async () => {
  const target = await targetOf(settled, { ...underWay, secretsVersion: 5 });
  assert.deepEqual(target, { secretsVersion: 3, marker, floor: 5, proven: true });
});

test('a machine that goes back to the previous token goes to that and no further', async () => {
  const back = { ...underWay, rejectedTokenId: aToken().id, rollbackMachine: 'm1' };
  const target = await targetOf(back, { ...settled, secretsVersion: 5 });
  assert.deepEqual(target, { secretsVersion: 3, marker, only: 'm1' });
});
