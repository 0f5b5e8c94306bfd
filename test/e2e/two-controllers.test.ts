import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesObject } from '@kubernetes/client-node';
import { CHART_NAMESPACE } from '../../sandbox/chart.ts';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { Happenings } from './happenings.ts';
import { createTenant, PATIENCE_MS, startScenario, type Tenant } from './scenario.ts';

const LEASE = 'tokenbinding';
/** After the leader's last sign of life: the Lease's 15 s, a candidate's look every 2.4 s at most, and some room. */
const TAKEOVER_MS = 20_000;
const HANDOVER_MS = 3_000;
const PAUSE_MS = 30_000;
const ONE_REFRESH: Effects = { issued: 1, written: 1, updates: [1, 1] };

describe('two controllers', () => {
  let world: World;
  let tenant: Tenant;
  let happenings: Happenings;
  let controllers: ControllerProcess[] = [];
  let started = 0;

  before(async () => {
    world = await startScenario();
    happenings = new Happenings(world);
    tenant = await createTenant(world, 'two-controllers');
    await tenant.bind();
  });
  after(() => world?.stop());

  beforeEach(async () => {
    while (controllers.length < 2) {
      started += 1;
      const identity = `controller-${started}`;
      controllers.push(await world.startController({ identity, onLine: happenings.onLine }));
    }
    await tenant.settled();
  });

  it('share the work so that one does all of it', async () => {
    const { leader, standby } = await roles();
    const before = effects();
    await tenant.settled(await tenant.requestRefresh());
    assert.deepEqual(since(before), ONE_REFRESH);
    assert.ok(leader.logLines.some((line) => line.includes('"step":"acquiringToken"')));
    assert.ok(!standby.logLines.some((line) => line.includes('"step":')));
    assert.deepEqual(await Promise.all([leader, standby].map(leaderGauge)), [1, 0]);
    const ready = await fetch(`${standby.metricsUrl}/readyz`);
    assert.equal(ready.status, 200, 'a standby is ready: it has what it needs to take over');
  });

  it('go on within 20 s when the leader is killed amid a rollout, and nothing is done twice', async () => {
    const { leader, standby } = await roles();
    const before = effects();
    let killedAt = 0;
    happenings.strike(
      (happening) => happening === 'fly updateMachine',
      () => {
        killedAt = Date.now();
        leader.kill('SIGKILL');
      },
    );
    const refresh = await tenant.requestRefresh();
    assert.equal(await ended(leader), 'SIGKILL');
    await leads(standby);
    assert.ok((await acquiredAt()) - killedAt < TAKEOVER_MS, 'the takeover took too long');
    await tenant.settled(refresh);
    assert.deepEqual(since(before), ONE_REFRESH);
  });

  it('keep the newer token when a leader that was stopped amid an issue wakes up 30 s later', async () => {
    const { leader, standby } = await roles();
    const before = effects();
    const { requests } = world.outside.issuer;
    const asked = requests.total;
    world.outside.issuer.setFault({ kind: 'delay', ms: 2_000, times: 1 });
    const refresh = await tenant.requestRefresh();
    await waitFor(() => requests.total > asked, { what: 'the request for a token', timeoutMs: PATIENCE_MS });
    leader.kill('SIGSTOP');
    const pause = sleep(PAUSE_MS);
    await leads(standby);
    await tenant.settled(refresh);
    const newer = await tenant.token();
    await pause;
    leader.kill('SIGCONT');
    await stoodDown(leader);
    // The token that the stopped leader had asked for is one of the two, and went nowhere.
    assert.deepEqual(since(before), { issued: 2, written: 1, updates: [1, 1] });
    assert.equal(newer?.jti, world.outside.issuer.issued.at(-1)?.tokenId);
    assert.equal((await tenant.token())?.jti, newer?.jti, 'the newer token was overwritten');
    assert.equal(await holder(), standby.identity);
  });

  it('hand over within 3 s when the leader is asked to stop', async () => {
    const { leader, standby } = await roles();
    const before = effects();
    const askedAt = Date.now();
    leader.kill('SIGTERM');
    assert.equal(await ended(leader), 0);
    await leads(standby);
    assert.ok((await acquiredAt()) - askedAt < HANDOVER_MS, 'the handover took too long');
    await tenant.settled(await tenant.requestRefresh());
    assert.deepEqual(since(before), ONE_REFRESH);
  });

  async function roles(): Promise<{ leader: ControllerProcess; standby: ControllerProcess }> {
    const identity = await waitFor(holder, { what: 'a leader', timeoutMs: PATIENCE_MS });
    const leader = controllers.find((candidate) => candidate.identity === identity);
    const standby = controllers.find((candidate) => candidate.identity !== identity);
    assert.ok(leader && standby, `${identity} leads, which is none of the two`);
    return { leader, standby };
  }

  async function lease() {
    const found = await world.objects.get<Lease>('Lease', CHART_NAMESPACE, LEASE);
    return found?.spec;
  }

  const holder = async () => (await lease())?.holderIdentity;
  const acquiredAt = async () => Date.parse((await lease())?.acquireTime ?? '');

  async function leads({ identity }: ControllerProcess): Promise<void> {
    const what = `${identity} to lead`;
    await waitFor(holder, { what, timeoutMs: PATIENCE_MS, until: (found) => found === identity });
  }

  /** It lost its Lease, noticed, and stands by. */
  async function stoodDown({ identity, logLines }: ControllerProcess): Promise<void> {
    const told = () => logLines.some((line) => line.includes('"no longer leading"'));
    await waitFor(told, { what: `${identity} to stand down`, timeoutMs: PATIENCE_MS });
  }

  /** How the process ended; it no longer counts as one of the two. */
  async function ended(controller: ControllerProcess): Promise<number | NodeJS.Signals> {
    let how: { readonly by: number | NodeJS.Signals } | undefined;
    void controller.stopped.then((by) => {
      how = { by };
    });
    const { by } = await waitFor(() => how, {
      what: `${controller.identity} to end`,
      timeoutMs: PATIENCE_MS,
    });
    controllers = controllers.filter((candidate) => candidate !== controller);
    return by;
  }

  function effects(): Effects {
    const { issuer, fly, app } = world.outside;
    const written = fly.requests.count('setSecret', app);
    return {
      issued: issuer.issued.length,
      written,
      updates: fly.machines(app).map((machine) => machine.updates),
    };
  }

  function since(before: Effects): Effects {
    const now = effects();
    const updates = now.updates.map((count, index) => count - (before.updates[index] ?? 0));
    return { issued: now.issued - before.issued, written: now.written - before.written, updates };
  }
});

interface Lease extends KubernetesObject {
  readonly spec?: { readonly holderIdentity?: string; readonly acquireTime?: string };
}

/** What was done to the world outside. */
interface Effects {
  readonly issued: number;
  /** Writes of the app's secret. */
  readonly written: number;
  /** Of each machine. */
  readonly updates: readonly number[];
}

async function leaderGauge({ metricsUrl }: ControllerProcess): Promise<number> {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text();
  return Number(/^tokenbinding_leader (\d)$/m.exec(text)?.[1]);
}
