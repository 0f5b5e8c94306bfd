import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import {
  conditionOf,
  createCountedTenant,
  deliveryOf,
  isTrue,
  PATIENCE_MS,
  startScenario,
  type Tenant,
} from './scenario.ts';

const reasonOf = (binding: Awaited<ReturnType<Tenant['binding']>>) =>
  conditionOf(binding, 'Delivered')?.reason;
const until = (tenant: Tenant, reason: string) =>
  waitFor(() => tenant.binding(), {
    what: `Delivered to be ${reason}`,
    timeoutMs: PATIENCE_MS,
    until: (found) => reasonOf(found) === reason,
  });

describe('a delivery to Fly', () => {
  let world: World;
  before(async () => {
    world = await startScenario({ machines: 2 });
    await world.startController();
  });
  after(() => world?.stop());
  const tenants: Tenant[] = [];
  afterEach(async () => {
    world.outside.fly.faults.clear();
    // The app's secret belongs to the first binding that wrote it for as long as that lives.
    for (const tenant of tenants.splice(0)) await tenant.unbind();
  });

  const fly = () => world.outside.fly;
  const createWriter: typeof createCountedTenant = async (...args) => {
    const tenant = await createCountedTenant(...args);
    tenants.push(tenant);
    return tenant;
  };
  const retarget = (tenant: Tenant, app: string) =>
    tenant.bind((binding) => {
      for (const delivery of binding.spec.deliveries ?? []) delivery.fly.app = app;
    });

  it('with an API token that Fly refuses is Unauthorized, and recovers when the Secret is corrected', async () => {
    const tenant = await createWriter(world, 'refused', { apiToken: 'FlyV1 fm2_nonsense' });
    await tenant.bind();
    const binding = await until(tenant, 'Unauthorized');
    assert.ok(isTrue(binding, 'Stalled'));
    assert.equal(conditionOf(binding, 'Ready')?.reason, 'DeliveryFailed');
    assert.ok(isTrue(binding, 'Issued'), 'the Secret in the cluster is served all the same');
    assert.match(conditionOf(binding, 'Delivered')?.message ?? '', /fly tokens create deploy/);
    const stringData = { token: fly().deployToken(world.outside.app) };
    await world.objects.patch('Secret', tenant.namespace, 'fly-deploy', { stringData });
    await tenant.settled();
  });

  it('to an app that is not there is AppNotFound, with an event', async () => {
    const tenant = await createWriter(world, 'nowhere');
    await retarget(tenant, 'no-such-app');
    const binding = await until(tenant, 'AppNotFound');
    assert.ok(isTrue(binding, 'Stalled'));
    assert.equal(conditionOf(binding, 'Ready')?.reason, 'DeliveryFailed');
    const events = await waitFor(() => tenant.events('AppNotFound'), {
      what: 'the event',
      timeoutMs: PATIENCE_MS,
      until: (found) => found.length > 0,
    });
    assert.equal(events.length, 1);
    assert.match(events[0]?.note ?? '', /no-such-app/);
  });

  it('whose API token is in no Secret is CredentialsMissing, and recovers when there is one', async () => {
    const tenant = await createWriter(world, 'tokenless');
    const secret = await tenant.secret('fly-deploy');
    await world.objects.delete('Secret', tenant.namespace, 'fly-deploy');
    await tenant.bind();
    const binding = await until(tenant, 'CredentialsMissing');
    assert.match(conditionOf(binding, 'Delivered')?.message ?? '', /fly-deploy does not exist/);
    const { labels = {} } = secret?.metadata ?? {};
    await world.objects.create(tenant.own({ ...secret, metadata: { name: 'fly-deploy', labels } }));
    await tenant.settled();
  });

  for (const body of ['json', 'html', 'plain'] as const) {
    it(`is tried again while Fly answers with errors in ${body}`, async () => {
      const tenant = await createWriter(world, `outage-${body}`);
      fly().faults.next('setSecret', { kind: 'answer', status: 503, body }, 2);
      await tenant.bind();
      const binding = await until(tenant, 'PlatformUnavailable');
      assert.ok(!isTrue(binding, 'Stalled'));
      await tenant.settled();
    });
  }

  it('stops at the first machine that does not become well, and leaves the other with the old token', async () => {
    const tenant = await createWriter(world, 'unwell');
    await tenant.bind();
    await tenant.settled();
    await fly().settled(world.outside.app);
    const before = fly().machines(world.outside.app);
    fly().faults.breakNewVersions = true;
    await tenant.requestRefresh();
    const broken = await waitFor(
      () =>
        fly()
          .machines(world.outside.app)
          .filter(({ instanceId }) => before.every((machine) => machine.instanceId !== instanceId)),
      {
        what: 'a machine with a new version',
        timeoutMs: PATIENCE_MS,
        until: (found) => found.length > 0,
      },
    );
    const runs = (await tenant.binding()).metadata.resourceVersion;
    await waitFor(() => tenant.binding(), {
      what: 'the rollout to look again',
      timeoutMs: PATIENCE_MS,
      until: (found) =>
        found.metadata.resourceVersion !== runs && (deliveryOf(found)?.machines?.current ?? 0) === 0,
    });
    assert.equal(broken.length, 1);
    const untouched = fly()
      .machines(world.outside.app)
      .filter(({ instanceId }) => before.some((machine) => machine.instanceId === instanceId));
    assert.equal(untouched.length, 1);
    assert.ok(isTrue(await tenant.binding(), 'Ready'), 'the old token lives and one machine serves with it');
  });
});

describe('a stopped machine', () => {
  let world: World;
  before(async () => {
    world = await startScenario({ machines: 2 });
    await world.startController();
  });
  after(() => world?.stop());

  it('gets the new version and stays stopped', async () => {
    const { fly, app } = world.outside;
    const [first] = fly.machines(app);
    assert.ok(first);
    const stopped = await fly.addMachine(app, { config: first.config, state: 'stopped' });
    const tenant = await createCountedTenant(world, 'stopped');
    await tenant.bind();
    const binding = await tenant.settled();
    const machine = fly.machines(app).find(({ id }) => id === stopped);
    assert.equal(machine?.state, 'stopped');
    assert.equal(machine?.secretsVersion, deliveryOf(binding)?.secretsVersion);
    assert.equal(deliveryOf(binding)?.machines?.current, 3);
  });
});
