import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ORGANIZATION } from '../../sandbox/fly/access-token.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { all, bindAll, refreshAll } from '../e2e/many-bindings.ts';
import { conditionOf, createTenant, PATIENCE_MS, startScenario, type Tenant } from '../e2e/scenario.ts';

const HOUR_S = 3600;

describe('fifty apps, one of which answers every call after a minute', () => {
  const apps = Array.from({ length: 50 }, (_, index) => `app-${index}`);
  const [slow = '', ...others] = apps;
  let world: World;
  let tenant: Tenant;
  let names: string[];
  before(async () => {
    world = await startScenario({ machines: 1, tokenLifetimeSeconds: HOUR_S });
    await world.startController();
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
      world,
      tenant,
      apps.map((app) => ({ app })),
    );
    await all(tenant, names, () => true);
  });
  after(() => world?.stop());

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
