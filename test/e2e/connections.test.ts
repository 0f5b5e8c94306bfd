import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { CHART_NAMESPACE } from '../../sandbox/chart.ts';
import type { World } from '../../sandbox/world.ts';
import { type FragileLink, startFragileLink } from './fragile-link.ts';
import { createCountedTenant, startScenario } from './scenario.ts';

describe('a controller whose connections to the API server are reset', () => {
  let world: World;
  let link: FragileLink;
  before(async () => {
    world = await startScenario({ machines: 0 });
    link = await startFragileLink(world.cluster.url);
    const account = { namespace: CHART_NAMESPACE, serviceAccount: 'tokenbinding' };
    const direct = await world.cluster.kubeconfigFor(account);
    const through = (await readFile(direct, 'utf8')).replace(world.cluster.url, link.url);
    await writeFile(`${direct}.link`, through, { mode: 0o600 });
    await world.startController({ extraArgs: [`--kubeconfig=${direct}.link`] });
  });
  after(async () => {
    await world?.stop();
    await link?.stop();
  });

  it('connects anew, notices what people do, and asks for no token too many', async () => {
    const tenant = await createCountedTenant(world, 'reset');
    await tenant.bind(({ spec }) => {
      spec.deliveries = [];
    });
    await tenant.settled();
    for (const expected of [2, 3]) {
      assert.ok(link.connections > 0);
      link.sever();
      await tenant.settled(await tenant.requestRefresh());
      assert.equal(tenant.issued, expected);
    }
  });
});
