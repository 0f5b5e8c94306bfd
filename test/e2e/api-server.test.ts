import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { CHART_NAMESPACE } from '../../sandbox/chart.ts';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { type FragileLink, startFragileLink } from './fragile-link.ts';
import { createCountedTenant, PATIENCE_MS, startScenario, type Tenant } from './scenario.ts';

describe('a controller whose API server', () => {
  let world: World;
  let link: FragileLink;
  let controller: ControllerProcess;
  let ended = false;
  before(async () => {
    world = await startScenario({ machines: 0 });
    link = await startFragileLink(world.cluster.url);
    controller = await world.startController({ extraArgs: [`--kubeconfig=${await kubeconfig()}`] });
    void controller.stopped.finally(() => {
      ended = true;
    });
  });
  after(async () => {
    await world?.stop();
    await link?.stop();
  });

  it('restarts goes on without a restart of its own and without an extra token', async () => {
    const tenant = await settled('restarted');
    await world.cluster.stopApiServer();
    await world.cluster.startApiServer();
    await recovers(tenant);
    assert.equal(tenant.issued, 2);
  });

  it('goes away while a token is being issued stores that very token afterwards', async () => {
    const tenant = await settled('mid-issue');
    const request = await vanishesMidIssue(tenant);
    await world.cluster.startApiServer();
    await tenant.settled(request);
    assert.equal(tenant.issued, 2);
    await recovers(tenant);
  });

  it('stays away for longer than a Lease lives stands again, and stores the token that it still has', async () => {
    const tenant = await settled('long-gone');
    const request = await vanishesMidIssue(tenant);
    const told = () => controller.logLines.some((line) => line.includes('"no longer leading"'));
    await waitFor(told, { what: 'the Lease to be lost', timeoutMs: PATIENCE_MS });
    await world.cluster.startApiServer();
    await tenant.settled(request);
    assert.equal(tenant.issued, 2);
    await recovers(tenant);
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

  it('resets every connection, idle or busy, connects anew', async () => {
    const tenant = await settled('reset');
    assert.ok(link.connections > 0);
    link.sever();
    await recovers(tenant);
    const request = await tenant.requestRefresh();
    await waitFor(() => tenant.issued === 3, { what: 'the token to be issued', timeoutMs: PATIENCE_MS });
    link.sever();
    await tenant.settled(request);
    assert.equal(tenant.issued, 3);
    await recovers(tenant);
  });

  /** That of the chart's ServiceAccount, through the link. */
  async function kubeconfig(): Promise<string> {
    const account = { namespace: CHART_NAMESPACE, serviceAccount: 'tokenbinding' };
    const direct = await world.cluster.kubeconfigFor(account);
    const path = `${direct}.link`;
    const text = await readFile(direct, 'utf8');
    await writeFile(path, text.replace(world.cluster.url, link.url), { mode: 0o600 });
    return path;
  }

  async function settled(namespace: string): Promise<Tenant> {
    const tenant = await createCountedTenant(world, namespace);
    await tenant.bind(({ spec }) => {
      spec.deliveries = [];
    });
    await tenant.settled();
    return tenant;
  }

  /** The API server goes between the request for a token and the answer. @returns the refresh that was asked for */
  async function vanishesMidIssue(tenant: Tenant): Promise<string> {
    const { issuer } = world.outside;
    const issued = tenant.issued;
    const requests = issuer.requests.total;
    issuer.setFault({ kind: 'delay', ms: 2_000, times: 1 });
    const request = await tenant.requestRefresh();
    const asked = () => issuer.requests.total > requests;
    await waitFor(asked, { what: 'the request to the issuer', timeoutMs: PATIENCE_MS });
    await world.cluster.stopApiServer();
    const what = 'the token to be issued';
    await waitFor(() => tenant.issued === issued + 1, { what, timeoutMs: PATIENCE_MS });
    return request;
  }

  /** Still the same process, which notices what people do, and has asked for no token too many. */
  async function recovers(tenant: Tenant): Promise<void> {
    const issued = tenant.issued;
    await tenant.settled(await tenant.requestRefresh());
    assert.equal(tenant.issued, issued + 1);
    const other = await settled(`${tenant.namespace}-${issued}`);
    assert.equal(other.issued, 1);
    assert.equal(ended, false, controller.logLines.slice(-5).join('\n'));
  }
});
