import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { createCountedTenant, PATIENCE_MS, startScenario, type Tenant } from './scenario.ts';

describe('a controller whose API server', () => {
  let world: World;
  let controller: ControllerProcess;
  let ended = false;
  before(async () => {
    world = await startScenario({ machines: 0 });
    controller = await world.startController();
    controller.stopped.then(
      () => {
        ended = true;
      },
      () => undefined,
    );
  });
  after(() => world?.stop());

  const settled = async (namespace: string): Promise<Tenant> => {
    const tenant = await createCountedTenant(world, namespace);
    await tenant.bind(({ spec }) => {
      spec.deliveries = [];
    });
    await tenant.settled();
    return tenant;
  };
  /** Still the same process, which notices what people do, and has asked for no token too many. */
  const recovers = async (tenant: Tenant) => {
    const issued = tenant.issued;
    await tenant.settled(await tenant.requestRefresh());
    assert.equal(tenant.issued, issued + 1);
    const other = await settled(`${tenant.namespace}-later`);
    assert.equal(other.issued, 1);
    assert.equal(ended, false, controller.logLines.slice(-5).join('\n'));
  };

  it('restarts goes on without a restart of its own and without an extra token', async () => {
    const tenant = await settled('restarted');
    await world.cluster.stopApiServer();
    await world.cluster.startApiServer();
    await recovers(tenant);
    assert.equal(tenant.issued, 2);
  });

  it('goes away while a token is being issued stores that very token afterwards', async () => {
    const tenant = await settled('mid-issue');
    world.outside.issuer.setFault({ kind: 'delay', ms: 2_000, times: 1 });
    const requests = world.outside.issuer.requests.total;
    const request = await tenant.requestRefresh();
    await waitFor(() => world.outside.issuer.requests.total > requests, {
      what: 'the request to the issuer',
      timeoutMs: PATIENCE_MS,
    });
    await world.cluster.stopApiServer();
    await waitFor(() => tenant.issued === 2, { what: 'the token to be issued', timeoutMs: PATIENCE_MS });
    await world.cluster.startApiServer();
    await tenant.settled(request);
    assert.equal(tenant.issued, 2);
    await recovers(tenant);
  });

  it('stays away for longer than a Lease lives has it stand for election again, in the same process', async () => {
    const tenant = await settled('long-gone');
    await world.cluster.stopApiServer();
    const told = () => controller.logLines.some((line) => line.includes('"no longer leading"'));
    await waitFor(told, { what: 'the Lease to be lost', timeoutMs: PATIENCE_MS });
    await world.cluster.startApiServer();
    await recovers(tenant);
    assert.equal(tenant.issued, 2);
  });

  it('has compacted its history (410) lists anew', async () => {
    const tenant = await settled('compacted');
    await world.cluster.compact();
    await recovers(tenant);
  });

  it('hangs for a while goes on when it answers again', async () => {
    const tenant = await settled('hung');
    await world.cluster.freezeApiServer(4_000);
    await recovers(tenant);
  });
});
