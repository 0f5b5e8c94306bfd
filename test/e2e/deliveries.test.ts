import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { ROLLOUT } from '../support/binding.ts';
import { deployFleet, updatesOf } from './fly-fleet.ts';
import { bindAndSettle, createFlyTenant, delivery, KEY } from './fly-tenant.ts';
import { conditionOf, createCountedTenant, startScenario, type Tenant } from './scenario.ts';

const SECONDS_MS = 15_000;
const FINALIZER = 'tokenbinding.erauner.dev/cleanup';
const OTHER_KEY = 'API_TOKEN';
const POLICIES = ['Delete', 'Retain'] as const;

describe('the deliveries of a binding', { concurrency: true }, () => {
  let world: World;
  before(async () => {
    world = await startScenario();
    await world.startController();
  });
  after(() => world?.stop());

  const secretsIn = (app: string) => world.outside.fly.secretNames(app);

  for (const deletionPolicy of POLICIES) {
    const leftOver = deletionPolicy === 'Delete' ? [] : [KEY];
    const does = deletionPolicy === 'Delete' ? 'takes its token back' : 'leaves its token where it is';

    for (const suspend of [false, true]) {
      const while_ = suspend ? ', while suspended' : '';
      it(`${does} when it is removed with policy ${deletionPolicy}${while_}`, async () => {
        const app = `removed-${deletionPolicy}-${suspend}`.toLowerCase();
        const tenant = await createFlyTenant(world, app);
        await bindAndSettle(tenant, [delivery('mcp', { app, deletionPolicy })]);
        assert.deepEqual(secretsIn(app), [KEY]);
        assert.equal(isGuarded(await tenant.binding()), deletionPolicy === 'Delete');
        await tenant.change({ suspend, deliveries: [] });
        await cleanedUp(tenant, '0/0');
        assert.deepEqual(secretsIn(app), leftOver);
      });
    }

    it(`${does} when it is pointed at another key with policy ${deletionPolicy}`, async () => {
      const app = `another-key-${deletionPolicy}`.toLowerCase();
      const tenant = await createFlyTenant(world, app);
      await bindAndSettle(tenant, [delivery('mcp', { app, deletionPolicy })]);
      await tenant.change({ deliveries: [delivery('mcp', { app, secretName: OTHER_KEY, deletionPolicy })] });
      await cleanedUp(tenant, '1/1');
      assert.deepEqual(new Set(secretsIn(app)), new Set([OTHER_KEY, ...leftOver]));
      assert.equal(tenant.issued, 1);
    });

    it(`${does} when it is pointed at another app with policy ${deletionPolicy}`, async () => {
      const app = `another-app-${deletionPolicy}`.toLowerCase();
      const tenant = await createFlyTenant(world, app);
      await bindAndSettle(tenant, [delivery('mcp', { app, deletionPolicy })]);
      const other = await anotherApp(tenant);
      await tenant.change({ deliveries: [delivery('mcp', { ...other, deletionPolicy })] });
      await cleanedUp(tenant, '1/1');
      assert.deepEqual([secretsIn(app), secretsIn(other.app)], [leftOver, [KEY]]);
      assert.equal(tenant.issued, 1);
    });
  }

  it('takes its token back and puts it nowhere else when it is pointed at another key while suspended', async () => {
    const app = 'another-key-suspended';
    const tenant = await createFlyTenant(world, app);
    await bindAndSettle(tenant, [delivery('mcp', { app, deletionPolicy: 'Delete' })]);
    const deliveries = [delivery('mcp', { app, secretName: OTHER_KEY, deletionPolicy: 'Delete' })];
    await tenant.change({ suspend: true, deliveries });
    await cleanedUp(tenant, '0/1');
    assert.deepEqual(secretsIn(app), []);
  });

  it('keeps the token that it has when only the name of it changes', async () => {
    const app = 'renamed';
    const tenant = await createFlyTenant(world, app);
    await bindAndSettle(tenant, [delivery('mcp', { app, deletionPolicy: 'Delete' })]);
    const [before] = (await tenant.binding()).status?.deliveries ?? [];
    await tenant.change({ deliveries: [delivery('server', { app, deletionPolicy: 'Delete' })] });
    const { status } = await cleanedUp(tenant, '1/1');
    assert.deepEqual(status?.deliveries, [{ ...before, name: 'server' }]);
    assert.deepEqual(secretsIn(app), [KEY]);
  });

  it('guards the binding as soon as the policy promises a cleanup, and no longer than that', async () => {
    const app = 'guarded';
    const tenant = await createFlyTenant(world, app);
    await bindAndSettle(tenant, [delivery('mcp', { app, deletionPolicy: 'Retain' })]);
    for (const deletionPolicy of POLICIES) {
      await tenant.change({ deliveries: [delivery('mcp', { app, deletionPolicy })] });
      await waitFor(() => tenant.binding(), {
        what: `the finalizer of ${app} to follow the policy ${deletionPolicy}`,
        timeoutMs: SECONDS_MS,
        until: (binding) => isGuarded(binding) === (deletionPolicy === 'Delete'),
      });
    }
    assert.deepEqual(secretsIn(app), [KEY]);
  });

  it('of strategy Stage puts the token into the vault and touches no machine', async () => {
    const app = 'staged';
    const tenant = await createFlyTenant(world, app);
    const { fly, app: modelApp } = world.outside;
    const [model] = fly.machines(modelApp);
    assert.ok(model);
    await fly.addMachine(app, { config: model.config, state: 'started' });
    await bindAndSettle(tenant, [delivery('mcp', { app, rollout: { ...ROLLOUT, strategy: 'Stage' } })]);
    await tenant.settled(await tenant.requestRefresh());
    assert.deepEqual(secretsIn(app), [KEY]);
    assert.deepEqual(
      fly.machines(app).map(({ updates, secretsVersion }) => ({ updates, secretsVersion })),
      [{ updates: 0, secretsVersion: 0 }],
    );
    const { status } = await tenant.binding();
    assert.match(status?.deliveries?.[0]?.conditions?.[0]?.message ?? '', /strategy Stage/);
  });

  it('may be several of one app: its machines are replaced once for each token, not once for each key', async () => {
    const app = 'two-keys';
    await deployFleet(world, app, 2);
    const apiToken = world.outside.fly.deployToken(app);
    const tenant = await createCountedTenant(world, app, { app, apiToken });
    await bindAndSettle(tenant, [
      delivery('environment', { app }),
      delivery('file', { app, secretName: OTHER_KEY, encoding: 'Base64' }),
    ]);
    assert.ok([KEY, OTHER_KEY].every((name) => secretsIn(app).includes(name)));
    assert.deepEqual(Object.values(updatesOf(world, app)), [1, 1]);
  });

  it('may be several: each app gets every token, and one that fails keeps none from another', async () => {
    const { fly, app } = world.outside;
    const tenant = await createFlyTenant(world, 'two-apps');
    const other = { app: 'two-apps', apiTokenRef: { name: 'fly-deploy', key: 'token' } };
    const mcp = await credentialFor(tenant, app);
    await bindAndSettle(tenant, [delivery('other', other), delivery('mcp', mcp)]);
    const tokenIds = async () => {
      const { status } = await tenant.settled();
      return status?.deliveries?.map(({ tokenId }) => tokenId === status.token?.id);
    };
    assert.deepEqual(await tokenIds(), [true, true]);
    assert.deepEqual(
      fly.machines(app).map(({ updates }) => updates),
      [1, 1],
    );
    fly.revokeToken(fly.deployToken('two-apps'));
    const refresh = await tenant.requestRefresh();
    const { status } = await waitFor(() => tenant.binding(), {
      what: 'the other delivery to have the new token',
      timeoutMs: SECONDS_MS,
      until: (binding) =>
        binding.status?.lastHandledRefreshAt === refresh && binding.status.deliveriesReady === '1/2',
    });
    assert.equal(status?.deliveries?.[1]?.tokenId, status?.token?.id);
    assert.equal(conditionOf(await tenant.binding(), 'Delivered')?.reason, 'Unauthorized');
  });

  it('waits for an API token whose owner has not released it, and says with which line', async () => {
    const app = 'unreleased';
    const tenant = await createFlyTenant(world, app);
    const labels = { 'tokenbinding.erauner.dev/credential': null };
    await world.objects.patch('Secret', app, 'fly-deploy', { metadata: { labels } });
    await tenant.bind();
    const binding = await waitFor(() => tenant.binding(), {
      what: 'the API token to be refused',
      timeoutMs: SECONDS_MS,
      until: (now) => conditionOf(now, 'Delivered')?.reason === 'CredentialsMissing',
    });
    assert.deepEqual(secretsIn(app), []);
    const [, line = ''] = /`kubectl ([^`]*)`/.exec(conditionOf(binding, 'Delivered')?.message ?? '') ?? [];
    assert.equal((await world.cluster.kubectl(line.split(' '))).code, 0, line);
    await tenant.settled(undefined, 5_000);
    assert.deepEqual(secretsIn(app), [KEY]);
  });

  /** One more app, without machines, and a credential for it in the tenant's namespace. */
  async function anotherApp(tenant: Tenant) {
    const app = `${tenant.namespace}-2`;
    await world.outside.fly.createApp({ name: app });
    return credentialFor(tenant, app);
  }

  async function credentialFor(tenant: Tenant, app: string) {
    const name = `fly-${app}`;
    const labels = { 'tokenbinding.erauner.dev/credential': 'true' };
    const stringData = { token: world.outside.fly.deployToken(app) };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, labels }, ...{ stringData } };
    await world.objects.apply([tenant.own(secret)]);
    return { app, apiTokenRef: { name, key: 'token' } };
  }
});

const isGuarded = ({ metadata }: TokenBinding) => metadata.finalizers?.includes(FINALIZER) ?? false;

/** Waits until the changed spec was seen, so many deliveries are served, and nothing is left to be cleaned up. */
function cleanedUp(tenant: Tenant, served: string): Promise<TokenBinding> {
  return waitFor(() => tenant.binding(), {
    what: `${tenant.namespace} to serve ${served} deliveries and to have nothing to clean up`,
    timeoutMs: SECONDS_MS,
    until: (binding) => {
      const { metadata, spec, status } = binding;
      const promises = spec.deliveries.some(({ fly }) => fly?.deletionPolicy === 'Delete');
      return (
        status?.observedGeneration === metadata.generation &&
        status.cleanups?.length === 0 &&
        status.deliveriesReady === served &&
        isGuarded(binding) === promises
      );
    },
  });
}
