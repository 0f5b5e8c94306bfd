import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesObject } from '@kubernetes/client-node';
import { CHART_NAMESPACE } from '../../sandbox/chart.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { Crowd } from './crowd.ts';
import { countRequests, countWhenStill, requestsBetween } from './request-count.ts';
import { createTenant, isTrue, PATIENCE_MS, startScenario } from './scenario.ts';

/** All that the controller has a right to write, but for its Lease. */
const RESOURCES = ['secrets', 'tokenbindings', 'events'];
const IDLE_BINDINGS = 100;
const IDLE_MS = 16_000;
/** Seconds; a token is renewed at half of it. */
const SHORT_LIFETIME = 30;

let world: World;
let crowd: Crowd;
before(async () => {
  world = await startScenario({ machines: 0 });
  crowd = await Crowd.in(world);
  await world.startController();
});
after(async () => {
  await crowd?.close();
  await world?.stop();
});

async function allReady(count: number): Promise<void> {
  await waitFor(() => crowd.bindings(), {
    what: `${count} bindings to be Ready`,
    timeoutMs: PATIENCE_MS,
    until: (bindings) => bindings.filter((binding) => isTrue(binding, 'Ready')).length === count,
  });
}

async function leaseRenewal(): Promise<string> {
  const leases = await world.objects.list<KubernetesObject & { spec?: { renewTime?: string } }>(
    'Lease',
    CHART_NAMESPACE,
  );
  assert.equal(leases.length, 1);
  return String(leases[0]?.spec?.renewTime);
}

test('with 100 settled bindings nothing is asked of the API server, and only the Lease is written', async () => {
  await createTenant(world, 'idle');
  await crowd.create('idle', IDLE_BINDINGS);
  await allReady(IDLE_BINDINGS);
  const start = await countWhenStill(world.cluster, RESOURCES);
  const renewal = await leaseRenewal();
  await sleep(IDLE_MS);
  assert.deepEqual(requestsBetween(start, await countRequests(world.cluster), RESOURCES), {});
  assert.notEqual(await leaseRenewal(), renewal, 'the controller must be at work all the while');
});

test('a refresh costs one read and one write of Secrets, one status and one event', async () => {
  const { issuer } = world.outside;
  const tenant = await createTenant(world, 'steady');
  issuer.setTokenLifetime(SHORT_LIFETIME);
  const afterToken = async (count: number) => {
    await waitFor(() => issuer.issued.length >= count, {
      what: `token ${count} to be issued`,
      timeoutMs: PATIENCE_MS,
    });
    const requests = await countWhenStill(world.cluster, RESOURCES);
    assert.equal(issuer.issued.length, count, 'the count must end before the next refresh');
    return requests;
  };
  const first = issuer.issued.length + 1;
  await tenant.bind((binding) => {
    delete binding.spec.deliveries;
  });
  const start = await afterToken(first + 1);
  const end = await afterToken(first + 2);
  assert.deepEqual(requestsBetween(start, end, RESOURCES), {
    'APPLY secrets': 1,
    'GET secrets': 1,
    'PATCH tokenbindings/status': 1,
    'POST events': 1,
  });
});
