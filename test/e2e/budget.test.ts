import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesObject } from '@kubernetes/client-node';
import { CHART_NAMESPACE } from '../../sandbox/chart.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { ROLLOUT } from '../support/binding.ts';
import { Crowd } from './crowd.ts';
import { createFlyTenant, delivery } from './fly-tenant.ts';
import { countRequests, countWhenStill, type RequestCount, requestsBetween } from './request-count.ts';
import { createTenant, isTrue, PATIENCE_MS, startScenario, type Tenant } from './scenario.ts';

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
  const tenant = await createTenant(world, 'steady');
  const cost = await costOfRefresh(tenant, (binding) => {
    delete binding.spec.deliveries;
  });
  assert.deepEqual(cost, {
    'APPLY secrets': 1,
    'GET secrets': 1,
    'PATCH tokenbindings/status': 1,
    'POST events': 1,
  });
});

/** With an app without machines: where they are waited for, each look reads the API token again. */
const WITH_DELIVERY = {
  ...{ 'APPLY secrets': 1, 'GET secrets': 4 },
  ...{ 'PATCH tokenbindings/status': 3, 'POST events': 4 },
};
/** The previous token is read, kept in a new Secret whose fields are handed over to applies, and deleted. */
const KEEPING = { 'GET secrets': 5, 'POST secrets': 1, 'PATCH secrets': 1, 'DELETE secrets': 1 };

test('a refresh with a Fly delivery costs three reads of Secrets, two statuses and three events more', async () => {
  assert.deepEqual(await costOfDelivery('Halt'), WITH_DELIVERY);
});

test('a delivery that may have to go back costs four calls on Secrets more', async () => {
  assert.deepEqual(await costOfDelivery('Rollback'), { ...WITH_DELIVERY, ...KEEPING });
});

async function costOfDelivery(onFailure: 'Halt' | 'Rollback'): Promise<RequestCount> {
  const app = `budget-${onFailure}`.toLowerCase();
  const tenant = await createFlyTenant(world, app);
  return costOfRefresh(tenant, ({ spec }) => {
    spec.deliveries = [delivery('mcp', { app, rollout: { ...ROLLOUT, onFailure } })];
  });
}

/** What the second refresh of a binding asks of the API server; the binding is suspended afterwards. */
async function costOfRefresh(tenant: Tenant, change: Parameters<Tenant['bind']>[0]): Promise<RequestCount> {
  const { issuer } = world.outside;
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
  await tenant.bind(change);
  const start = await afterToken(first + 1);
  const end = await afterToken(first + 2);
  await tenant.change({ suspend: true });
  return requestsBetween(start, end, RESOURCES);
}
