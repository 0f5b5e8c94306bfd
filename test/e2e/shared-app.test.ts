import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { World } from '../../sandbox/world.ts';
import { deployFleet, healthOf, updatesOf } from './fly-fleet.ts';
import { KEY } from './fly-tenant.ts';
import { all, bindAll, isHandled, refreshAll } from './many-bindings.ts';
import { createTenant, startScenario, type Tenant } from './scenario.ts';

const HOUR_S = 3600;

describe('five bindings that feed one app', () => {
  const app = 'shared';
  let world: World;
  let tenant: Tenant;
  let names: string[];
  before(async () => {
    world = await startScenario({ machines: 1, tokenLifetimeSeconds: HOUR_S });
    await world.startController();
    await deployFleet(world, app, 2);
    tenant = await createTenant(world, 'shared-owner', { app, apiToken: world.outside.fly.deployToken(app) });
    names = await bindAll(
      world,
      tenant,
      [KEY, 'TOKEN_1', 'TOKEN_2', 'TOKEN_3', 'TOKEN_4'].map((secretName) => ({ app, secretName })),
    );
    await all(tenant, names, () => true);
  });
  after(() => world?.stop());

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
