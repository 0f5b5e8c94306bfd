import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { exampleBinding } from '../../sandbox/example.ts';
import { ORGANIZATION } from '../../sandbox/fly/access-token.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { deployFleet, healthOf, updatesOf } from '../e2e/fly-fleet.ts';
import { delivery, KEY } from '../e2e/fly-tenant.ts';
import {
  conditionOf,
  createTenant,
  isTrue,
  PATIENCE_MS,
  startScenario,
  type Tenant,
} from '../e2e/scenario.ts';

const HOUR_S = 3600;
let world: World;
before(async () => {
  world = await startScenario({ machines: 1, tokenLifetimeSeconds: HOUR_S });
  await world.startController();
});
after(() => world?.stop());

/** Applies bindings `binding-<n>` that write to the app and key of their number, all at once. */
async function bindAll(
  tenant: Tenant,
  targets: readonly { readonly app: string; readonly secretName?: string }[],
): Promise<string[]> {
  const example = await exampleBinding(world.example);
  const bindings = targets.map((target, index) => ({
    ...example,
    metadata: { name: `binding-${index}` },
    spec: {
      ...example.spec,
      refresh: { jitterPercent: 0 },
      secret: { name: `token-${index}` },
      deliveries: [delivery('app', target)],
    },
  }));
  await world.objects.apply(bindings.map((binding) => tenant.own(binding)));
  return bindings.map(({ metadata }) => metadata.name);
}

/** Asks for a refresh of all at once; gives the requests, in their order. */
const refreshAll = (tenant: Tenant, names: readonly string[]) =>
  Promise.all(names.map((name) => tenant.requestRefresh(name)));

/** Waits until every binding will do. */
function all(
  tenant: Tenant,
  names: readonly string[],
  will: (binding: TokenBinding, index: number) => boolean,
) {
  return waitFor(() => Promise.all(names.map((name) => tenant.binding(name))), {
    what: `all of ${tenant.namespace} to be settled`,
    timeoutMs: 2 * PATIENCE_MS,
    until: (bindings) =>
      bindings.every((binding, index) => isTrue(binding, 'Delivered') && will(binding, index)),
  });
}

const isHandled = (requests: readonly string[]) => (binding: TokenBinding, index: number) =>
  binding.status?.lastHandledRefreshAt === requests[index];

describe('five bindings that feed one app', () => {
  const app = 'shared';
  let tenant: Tenant;
  let names: string[];
  before(async () => {
    await deployFleet(world, app, 2);
    tenant = await createTenant(world, 'shared-owner', { app, apiToken: world.outside.fly.deployToken(app) });
    names = await bindAll(
      tenant,
      [KEY, 'TOKEN_1', 'TOKEN_2', 'TOKEN_3', 'TOKEN_4'].map((secretName) => ({ app, secretName })),
    );
    await all(tenant, names, () => true);
  });

  /** How much more often than before each machine was updated. */
  const since = (before: Readonly<Record<string, number>>) =>
    Object.entries(updatesOf(world, app)).map(([id, updates]) => updates - (before[id] ?? 0));

  it('restart each machine once when all are refreshed at once', async () => {
    const before = updatesOf(world, app);
    const writes = world.outside.fly.requests.count('setSecret', app);
    await all(tenant, names, isHandled(await refreshAll(tenant, names)));
    assert.equal(world.outside.fly.requests.count('setSecret', app), writes + 5);
    assert.deepEqual(since(before), [1, 1]);
    assert.deepEqual(await healthOf(world, app), ['ok', 'ok']);
  });

  it('restart each machine once when all fall due at the same time', async () => {
    world.outside.issuer.setTokenLifetime(60);
    const short = await all(tenant, names, isHandled(await refreshAll(tenant, names)));
    const before = updatesOf(world, app);
    const ids = short.map(({ status }) => status?.token?.id);
    world.outside.issuer.setTokenLifetime(HOUR_S);
    await all(tenant, names, ({ status }, index) => status?.token?.id !== ids[index]);
    assert.deepEqual(since(before), [1, 1]);
  });
});

describe('fifty apps, one of which answers every call after a minute', () => {
  const apps = Array.from({ length: 50 }, (_, index) => `app-${index}`);
  const [slow = '', ...others] = apps;
  let tenant: Tenant;
  let names: string[];
  before(async () => {
    const { fly, app: model } = world.outside;
    const [machine] = fly.machines(model);
    assert.ok(machine);
    for (const app of apps) {
      await fly.createApp({ name: app });
      await fly.addMachine(app, { config: { ...machine.config, metadata: {} }, state: 'stopped' });
    }
    const apiToken = fly.issueToken({ of: { organization: ORGANIZATION }, mayWrite: true });
    tenant = await createTenant(world, 'fifty', { apiToken });
    names = await bindAll(
      tenant,
      apps.map((app) => ({ app })),
    );
    await all(tenant, names, () => true);
  });

  /** Refreshes all; gives how long after that the machine of each other app had the new version, in ms. */
  async function latencies(): Promise<number[]> {
    const { requests } = world.outside.fly;
    const updatedAt = new Map<string, number>();
    const end = requests.onAdd(({ action, app, atMs }) => {
      if (action === 'updateMachine') updatedAt.set(app, atMs);
    });
    const startedAt = Date.now();
    await refreshAll(tenant, names);
    await waitFor(() => others.every((app) => updatedAt.has(app)), {
      what: 'the other apps to be updated',
      timeoutMs: 2 * PATIENCE_MS,
    });
    end();
    return others.map((app) => (updatedAt.get(app) ?? 0) - startedAt).sort((a, b) => a - b);
  }

  it('serves the others as soon as it does when all answer at once', async (test) => {
    const usual = await latencies();
    await all(tenant, names, () => true);
    world.outside.fly.faults.choose = ({ app }) =>
      app === slow ? { kind: 'slow', delayMs: 60_000 } : undefined;
    const beside = await latencies();
    const [median, last] = [ratio(usual, beside, 24), ratio(usual, beside, 48)];
    test.diagnostic(`with the slow app: median ${median.toFixed(2)} times, last ${last.toFixed(2)} times`);
    assert.ok(median < 2 && last < 2, `${usual.join()} without, ${beside.join()} with`);
    await waitFor(() => tenant.binding(names[0]), {
      what: 'the slow one to say what it waits for',
      timeoutMs: PATIENCE_MS,
      until: (binding) => conditionOf(binding, 'Delivered')?.reason === 'PlatformUnavailable',
    });
    world.outside.fly.faults.clear();
  });
});

/** How many times as long it took, at a rank of sorted times; half a second more is not told from none. */
const ratio = (before: readonly number[], now: readonly number[], rank: number) =>
  (now[rank] ?? 0) / ((before[rank] ?? 0) + 500);
