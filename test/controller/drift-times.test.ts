import assert from 'node:assert/strict';
import { test } from 'node:test';
import { driftTimes } from '../../controller/drift-times.ts';
import { Memory } from '../../controller/memory.ts';
import { aBinding, aDelivery, MINUTE, ROLLOUT } from '../support/binding.ts';
import { FakeClock } from '../support/fake-clock.ts';

const KEY = 'toolbridge/toolbridge-api/mcp';
const VERSIONS = { 'fly-deploy': 'uid/8' };

/** A process that runs a binding with one delivery of that strategy, compared every ten minutes. */
function process(strategy: 'Rolling' | 'Reload') {
  const world = { memory: new Memory(), clock: new FakeClock() };
  const binding = aBinding({ spec: { deliveries: [aDelivery({ rollout: { ...ROLLOUT, strategy } })] } });
  const now = world.clock.now();
  const dueIn = (versions = VERSIONS) => (driftTimes(world, binding, versions).driftDueAt.mcp ?? 0) - now;
  return { ...world, now, dueIn };
}

test('the first check after a start is due at some time within the interval, always the same', () => {
  const { dueIn } = process('Rolling');
  assert.ok(dueIn() > 0 && dueIn() <= 10 * MINUTE);
  assert.equal(dueIn(), dueIn());
  const reload = process('Reload').dueIn();
  assert.ok(reload > 0 && reload <= 30_000);
});

test('with Reload a look at machines alone does not put off the comparison of the secret', () => {
  const { memory, now, dueIn } = process('Reload');
  memory.driftChecks.set(KEY, { secretAt: now - 9 * MINUTE, machinesAt: now });
  assert.equal(dueIn(), 30_000);
  memory.driftChecks.set(KEY, { secretAt: now - 10 * MINUTE + 1000, machinesAt: now });
  assert.equal(dueIn(), 1000);
});

test('a check that failed is made again as soon as the Secret with the API token changes', () => {
  const { memory, now, dueIn } = process('Rolling');
  memory.driftChecks.set(KEY, { secretAt: now, machinesAt: now, failedWith: 'fly-deploy/token@uid/8' });
  assert.equal(dueIn(), 10 * MINUTE);
  assert.equal(dueIn({ 'fly-deploy': 'uid/9' }), 0);
});
