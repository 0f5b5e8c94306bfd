import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { metadata } from '../../sandbox/fly/machine-config.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { ROLLOUT_MARKER } from '../../src/fly/fly-app.ts';
import { ROLLOUT } from '../support/binding.ts';
import { counterOf, deployFleet, failedWith, healthOf, restartAll, updatesOf } from './fly-fleet.ts';
import { bindAndSettle, delivery, KEY } from './fly-tenant.ts';
import {
  BINDING,
  conditionOf,
  createCountedTenant,
  deliveryOf,
  isTrue,
  PATIENCE_MS,
  startScenario,
  type Tenant,
} from './scenario.ts';

/** As often as an app may be compared with what it was given. */
const driftCheckInterval = '10s';

let world: World;
let controller: ControllerProcess;
before(async () => {
  world = await startScenario({ machines: 1 });
  controller = await world.startController();
});
after(() => world?.stop());

/** A tenant whose binding writes to the app, and has done so. */
async function feed(namespace: string, app: string): Promise<Tenant> {
  const tenant = await createCountedTenant(world, namespace, {
    app,
    apiToken: world.outside.fly.deployToken(app),
  });
  await bind(tenant, app);
  await tenant.settled();
  return tenant;
}

const bind = (tenant: Tenant, app: string, deletionPolicy: 'Delete' | 'Retain' = 'Retain') =>
  tenant.bind(({ spec }) => {
    spec.deliveries = [delivery('mcp', { app, driftCheckInterval, deletionPolicy })];
  });

/** `fly secrets set` of somebody else. */
const overwrite = (app: string, value: string) => world.outside.fly.meddle(app).setSecrets({ [KEY]: value });

const writesTo = (app: string) => world.outside.fly.requests.count('setSecret', app);

/** Waits until the app has been compared twice more from now on. */
async function comparedTwice(app: string): Promise<void> {
  const { requests } = world.outside.fly;
  const before = requests.count('listSecrets', app);
  await waitFor(() => requests.count('listSecrets', app), {
    what: `${app} to be compared twice`,
    timeoutMs: PATIENCE_MS,
    until: (count) => count >= before + 2,
  });
}

const told = (tenant: Tenant, reason: string) =>
  waitFor(() => tenant.events(reason), {
    what: `an event ${reason}`,
    timeoutMs: PATIENCE_MS,
    until: (events) => events.length > 0,
  });

describe('an app on Fly that others use as well', { concurrency: true }, () => {
  describe('a secret of ours that somebody else sets', { concurrency: 1 }, () => {
    const app = 'contested';
    let tenant: Tenant;
    before(async () => {
      await deployFleet(world, app, 2);
      tenant = await feed('contested-owner', app);
    });

    it('is written and rolled out again, twice, which is told and counted', async () => {
      const drifts = await counterOf(controller.metricsUrl, 'delivery_drift_total');
      for (const repairs of [1, 2]) {
        overwrite(app, `theirs-${repairs}`);
        const { status } = await waitFor(() => tenant.binding(), {
          what: `repair ${repairs}`,
          timeoutMs: PATIENCE_MS,
          until: (binding) => deliveryOf(binding)?.repairs === repairs && isTrue(binding, 'Delivered'),
        });
        assert.equal(status?.deliveries?.[0]?.tokenId, status?.token?.id);
        assert.deepEqual(await healthOf(world, app), ['ok', 'ok']);
        assert.deepEqual(Object.values(updatesOf(world, app)), [repairs + 1, repairs + 1]);
      }
      await told(tenant, 'DriftFound');
      await told(tenant, 'DriftRepaired');
      assert.equal(await counterOf(controller.metricsUrl, 'delivery_drift_total'), drifts + 2);
      assert.equal(tenant.issued, 1, 'a repair takes no new token');
    });

    it('is left to them the third time: a person is told, and no machine is touched any more', async () => {
      overwrite(app, 'theirs-3');
      const binding = await failedWith(tenant, 'ConflictingWriter');
      const [updates, writes] = [updatesOf(world, app), writesTo(app)];
      assert.equal(conditionOf(binding, 'Stalled')?.reason, 'ConflictingWriter');
      assert.match(conditionOf(binding, 'Delivered')?.message ?? '', /fly releases -a contested/);
      const [event] = await told(tenant, 'ConflictingWriter');
      assert.equal(event?.type, 'Warning');
      const drifts = await counterOf(controller.metricsUrl, 'delivery_drift_total');
      overwrite(app, 'theirs-4');
      await comparedTwice(app);
      assert.deepEqual([updatesOf(world, app), writesTo(app)], [updates, writes]);
      assert.equal(await counterOf(controller.metricsUrl, 'delivery_drift_total'), drifts, 'counted once');
    });

    it('is ours again with the refresh that a person asks for, as the message says', async () => {
      const { status } = await tenant.settled(await tenant.requestRefresh());
      assert.equal(status?.deliveries?.[0]?.repairs, undefined);
      assert.deepEqual(await healthOf(world, app), ['ok', 'ok']);
    });
  });

  describe('machines that others change between refreshes', { concurrency: 1 }, () => {
    const app = 'changing';
    let tenant: Tenant;
    before(async () => {
      await deployFleet(world, app, 1);
      tenant = await feed('changing-owner', app);
    });

    /** Waits until every machine carries a note of its own for the version that was delivered. */
    const upToDate = () =>
      waitFor(() => tenant.binding(), {
        what: `every machine of ${app} to be up to date`,
        timeoutMs: PATIENCE_MS,
        until: (binding) =>
          isTrue(binding, 'Delivered') &&
          world.outside.fly
            .machines(app)
            .every(
              ({ id, config }) =>
                metadata(config)[ROLLOUT_MARKER] === `${id}:${deliveryOf(binding)?.secretsVersion}`,
            ),
      });

    it('are brought up to date when they are new or cloned, the others left alone', async () => {
      const { fly } = world.outside;
      const [first] = fly.machines(app);
      assert.ok(first);
      const { [ROLLOUT_MARKER]: _, ...unmarked } = metadata(first.config);
      const added = await fly.addMachine(app, {
        config: { ...first.config, metadata: unmarked },
        state: 'started',
      });
      const cloned = await fly.meddle(app).cloneMachine(first.id);
      const binding = await upToDate();
      assert.deepEqual(updatesOf(world, app), { [first.id]: 1, [added]: 1, [cloned]: 1 });
      assert.equal(deliveryOf(binding)?.machines?.current, 3);
      assert.equal(deliveryOf(binding)?.repairs, undefined, 'the secret itself had not changed');
    });

    it('are left alone when they were merely restarted', async () => {
      const before = updatesOf(world, app);
      await restartAll(world, app);
      await world.outside.fly.settled(app);
      await comparedTwice(app);
      assert.deepEqual(updatesOf(world, app), before);
      await upToDate();
    });
  });

  it('has a restarted process re-read its token within a minute with Reload, however rarely it is compared', async () => {
    const app = 'restarted';
    const { fly } = world.outside;
    await deployFleet(world, app, 1);
    const apiToken = fly.deployToken(app);
    const tenant = await createCountedTenant(world, 'restarted-owner', { app, apiToken });
    const reload = { path: '/var/lib/mcp-app/token' };
    const rollout = { ...ROLLOUT, strategy: 'Reload' } as const;
    await bindAndSettle(tenant, [delivery('mcp', { app, driftCheckInterval: '24h', rollout, reload })]);
    const [files, looks] = [fly.requests.count('execMachine', app), fly.requests.count('listSecrets', app)];
    await restartAll(world, app);
    await waitFor(() => healthOf(world, app), {
      what: 'the restarted process to hold its token again',
      timeoutMs: PATIENCE_MS,
      until: (health) => health.join() === 'ok' && fly.requests.count('execMachine', app) > files,
    });
    assert.equal(fly.requests.count('listSecrets', app), looks, 'by a look at the machines alone');
    assert.deepEqual(Object.values(updatesOf(world, app)), [0]);
  });

  describe('two bindings that claim one secret of one app', { concurrency: 1 }, () => {
    const app = 'claimed';
    let first: Tenant;
    let second: Tenant;
    before(async () => {
      await deployFleet(world, app, 1);
      first = await createCountedTenant(world, 'early-bird', {
        app,
        apiToken: world.outside.fly.deployToken(app),
      });
      await bind(first, app, 'Delete');
      await first.settled();
      second = await createCountedTenant(world, 'latecomer', {
        app,
        apiToken: world.outside.fly.deployToken(app),
      });
    });

    it('leave it to the one that wrote it; the other writes nothing and learns nothing of whose it is', async () => {
      const writes = writesTo(app);
      await bind(second, app);
      const binding = await failedWith(second, 'ConflictingBinding');
      assert.equal(conditionOf(binding, 'Stalled')?.reason, 'ConflictingBinding');
      const [event] = await told(second, 'ConflictingBinding');
      for (const text of [conditionOf(binding, 'Delivered')?.message, event?.note]) {
        assert.match(text ?? '', /TOOLBRIDGE_JWT_TOKEN of the Fly app claimed/);
        assert.doesNotMatch(text ?? '', /early-bird/);
      }
      const refresh = await second.requestRefresh();
      await waitFor(() => second.binding(), {
        what: 'the loser to have its next token',
        timeoutMs: PATIENCE_MS,
        until: ({ status }) => status?.lastHandledRefreshAt === refresh,
      });
      await comparedTwice(app);
      assert.equal(writesTo(app), writes, 'not even with a new token');
      assert.ok(isTrue(await first.binding(), 'Delivered'));
    });

    it('hand it over when the first goes: what that takes back, the other writes anew', async () => {
      await world.objects.delete('TokenBinding', first.namespace, BINDING);
      await first.gone();
      await second.settled();
      assert.ok(world.outside.fly.secretNames(app).includes(KEY));
      await comparedTwice(app);
      assert.ok(isTrue(await second.binding(), 'Delivered'));
      assert.deepEqual(await healthOf(world, app), ['ok']);
    });
  });
});
