import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { conditionOf, createCountedTenant, PATIENCE_MS, startScenario, TARGET } from './scenario.ts';

describe('a target Secret that the API server refuses to change', () => {
  let world: World;
  before(async () => {
    world = await startScenario({ machines: 0 });
    await world.startController();
  });
  after(() => world?.stop());

  it('is reported with condition and event, costs one token, and gets a new one when it can be written', async () => {
    const tenant = await createCountedTenant(world, 'immutable');
    await tenant.bind(({ spec }) => {
      spec.deliveries = [];
    });
    await tenant.settled();
    await world.objects.patch('Secret', tenant.namespace, TARGET, { immutable: true });
    await tenant.requestRefresh();
    const binding = await waitFor(() => tenant.binding(), {
      what: 'the refusal to be reported',
      timeoutMs: PATIENCE_MS,
      until: (found) => conditionOf(found, 'Issued')?.reason === 'SecretRefused',
    });
    assert.match(conditionOf(binding, 'Issued')?.message ?? '', /immutable Secret/);
    assert.equal(conditionOf(binding, 'Ready')?.status, 'True', 'the old token still serves');
    await waitFor(() => tenant.events('SecretRefused'), {
      what: 'the event',
      timeoutMs: PATIENCE_MS,
      until: (found) => found.length === 1,
    });
    assert.equal(tenant.issued, 2);
    await world.objects.delete('Secret', tenant.namespace, TARGET);
    const answered = await tenant.requestRefresh();
    await tenant.settled(answered);
  });
});
