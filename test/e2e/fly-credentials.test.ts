import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Grant } from '../../sandbox/fly/access-token.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import type { Condition } from '../../src/binding/token-binding.generated.ts';
import type { DeliveryFailureReason } from '../../src/failure.ts';
import { failedWith } from './fly-fleet.ts';
import { bindAndSettle, createFlyTenant, delivery, KEY } from './fly-tenant.ts';
import {
  conditionOf,
  createCountedTenant,
  deliveryOf,
  PATIENCE_MS,
  startScenario,
  type Tenant,
} from './scenario.ts';

const MINUTE_MS = 60_000;
/** Whoever reads this knows which command to type. */
const NEW_TOKEN =
  /create a token with `fly tokens create deploy -a [\w-]+` and put it under key token of Secret fly-deploy/;

/** By name of the app: what is wrong with the API token, and what is told. */
const TOKENS: Readonly<Record<string, { grant: Grant; told: RegExp }>> = {
  'read-only': {
    grant: { of: { app: 'read-only' }, mayWrite: false },
    told: /the API token may read the app but not change it \(HTTP 403\): it is read-only or too narrow/,
  },
  'exec-only': {
    grant: { of: { app: 'exec-only' }, mayWrite: false, execOnly: true },
    told: /the API token is of another app, or made for something else, such as running commands/,
  },
  'expired-token': {
    grant: { of: { app: 'expired-token' }, mayWrite: true, expiresAtMs: 1 },
    told: /Fly does not accept the API token \(HTTP 401\): it is expired or revoked/,
  },
  'wrong-app': {
    grant: { of: { app: 'somebody-elses' }, mayWrite: true },
    told: /the API token is of another app \(somebody-elses\)/,
  },
  'wrong-organization': {
    grant: { of: { organization: 'strangers' }, mayWrite: true },
    told: /the API token is of another organization than the app/,
  },
};

describe('a delivery to Fly that needs a person', { concurrency: true }, () => {
  let world: World;
  before(async () => {
    world = await startScenario({ machines: 0 });
    await world.startController();
  });
  after(() => world?.stop());

  const bindTo = (tenant: Tenant, app: string) =>
    tenant.bind(({ spec }) => {
      spec.deliveries = [delivery('mcp', { app })];
    });
  const writesTo = (app: string) => world.outside.fly.requests.count('setSecret', app);

  const looksAt = (app: string) => world.outside.fly.requests.count('listSecrets', app);

  /** Asserts that condition, kstatus and event all tell, and that nobody is asked again within two minutes. */
  async function assertTold(tenant: Tenant, reason: DeliveryFailureReason, message: RegExp): Promise<void> {
    const binding = await failedWith(tenant, reason);
    const delivered = conditionOf(binding, 'Delivered');
    assert.deepEqual([delivered?.status, delivered?.reason], ['False', reason]);
    assert.match(delivered?.message ?? '', message);
    assert.doesNotMatch(delivered?.message ?? '', /fm2_/);
    assert.equal(conditionOf(binding, 'Stalled')?.reason, reason);
    assert.equal(conditionOf(binding, 'Ready')?.reason, 'DeliveryFailed');
    assert.equal(conditionOf(binding, 'Issued')?.status, 'True', 'the Secret in the cluster is served');
    const { attempts } = deliveryOf(binding) ?? {};
    const pause = Date.parse(attempts?.nextTime ?? '') - Date.parse(attempts?.lastFailureTime ?? '');
    assert.ok(pause >= 2 * MINUTE_MS, `tried again after ${pause} ms`);
    const [event] = await waitFor(() => tenant.events(reason), {
      what: `an event ${reason}`,
      timeoutMs: PATIENCE_MS,
      until: (events) => events.length > 0,
    });
    assert.equal(event?.type, 'Warning');
    assert.match(event?.note ?? '', message);
  }

  for (const [app, { grant, told }] of Object.entries(TOKENS)) {
    it(`for its API token (${app}) says what is wrong with that and how to make another`, async () => {
      const { fly } = world.outside;
      await fly.createApp({ name: app });
      const tenant = await createCountedTenant(world, app, { app, apiToken: fly.issueToken(grant) });
      await bindTo(tenant, app);
      await assertTold(tenant, 'Unauthorized', told);
      assert.match(conditionOf(await tenant.binding(), 'Delivered')?.message ?? '', NEW_TOKEN);
      const isReader = app === 'read-only';
      assert.equal(writesTo(app), Number(isReader), 'only who may read it gets as far as a write');
      assert.equal(looksAt(app), isReader ? 2 : 1, 'one attempt, and no other in a hurry');
      const stringData = { token: fly.deployToken(app) };
      await world.objects.patch('Secret', app, 'fly-deploy', { stringData });
      await tenant.settled();
      assert.deepEqual(fly.secretNames(app), [KEY]);
    });
  }

  it('for an API token that was revoked since the last refresh says so, and keeps what was delivered', async () => {
    const app = 'revoked-later';
    const tenant = await createFlyTenant(world, app);
    await bindTo(tenant, app);
    const before = await tenant.settled();
    world.outside.fly.revokeToken(world.outside.fly.deployToken(app));
    await tenant.requestRefresh();
    await assertTold(tenant, 'Unauthorized', /it is expired or revoked/);
    assert.equal(deliveryOf(await tenant.binding())?.tokenId, before.status?.token?.id);
    assert.deepEqual(world.outside.fly.secretNames(app), [KEY]);
    assert.equal(writesTo(app), 2);
  });

  it('for an API token that was revoked is told before the next refresh fails on it, and again well when mended', async () => {
    const app = 'revoked-between';
    const { fly } = world.outside;
    const tenant = await createFlyTenant(world, app);
    await bindAndSettle(tenant, [delivery('mcp', { app, driftCheckInterval: '10s' })]);
    fly.revokeToken(fly.deployToken(app));
    const degraded = (state: string, is: (condition: Condition | undefined) => boolean) =>
      waitFor(() => tenant.binding(), {
        what: `the loss of the API token ${state}`,
        timeoutMs: PATIENCE_MS,
        until: (binding) => is(conditionOf(binding, 'Degraded')),
      });
    const told = await degraded('to be told', (condition) => condition?.reason === 'DeliveryUnchecked');
    const message = conditionOf(told, 'Degraded')?.message ?? '';
    assert.match(
      message,
      /^Delivery "mcp" could not be compared with its app since .*Z: .* expired or revoked/,
    );
    assert.match(
      message,
      new RegExp(`valid until ${deliveryOf(told)?.heldUntil}; the renewal at .* will fail unless`),
    );
    assert.deepEqual(
      ['Ready', 'Delivered'].map((type) => conditionOf(told, type)?.status),
      ['True', 'True'],
    );
    const events = await waitFor(() => tenant.events('DeliveryUnchecked'), {
      what: 'an event',
      timeoutMs: PATIENCE_MS,
      until: ({ length }) => length > 0,
    });
    assert.deepEqual([events.length, events[0]?.type], [1, 'Warning']);
    const stringData = { token: fly.issueToken({ of: { app }, mayWrite: true }) };
    await world.objects.patch('Secret', app, 'fly-deploy', { stringData });
    await degraded('to be mended', (condition) => condition === undefined);
    assert.equal(writesTo(app), 1, 'nothing had to be written again');
  });

  it('for the Secret with its API token that is not there names the Secret, and asks Fly nothing', async () => {
    const app = 'no-secret';
    const tenant = await createFlyTenant(world, app);
    await world.objects.delete('Secret', app, 'fly-deploy');
    await bindTo(tenant, app);
    await assertTold(
      tenant,
      'CredentialsMissing',
      /Secret no-secret\/fly-deploy does not exist; create it with key token/,
    );
    assert.equal(writesTo(app), 0);
  });

  it('for a key that its Secret does not have names the key, and asks Fly nothing', async () => {
    const app = 'no-key';
    const tenant = await createFlyTenant(world, app);
    await tenant.bind(({ spec }) => {
      spec.deliveries = [delivery('mcp', { app, apiTokenRef: { name: 'fly-deploy', key: 'absent' } })];
    });
    await assertTold(tenant, 'CredentialsMissing', /fly-deploy.*absent/);
    assert.equal(writesTo(app), 0);
  });

  it('for an app that is not there names the app and the field', async () => {
    const app = 'never-created';
    const tenant = await createCountedTenant(world, app);
    await bindTo(tenant, app);
    await assertTold(
      tenant,
      'AppNotFound',
      /Fly app never-created does not exist.* correct the delivery's `fly\.app`/,
    );
    assert.deepEqual([looksAt(app), writesTo(app)], [1, 0]);
  });

  it('for an app that was removed since the last refresh says so', async () => {
    const app = 'removed-later';
    const tenant = await createFlyTenant(world, app);
    await bindTo(tenant, app);
    await tenant.settled();
    await world.outside.fly.removeApp(app);
    await tenant.requestRefresh();
    await assertTold(tenant, 'AppNotFound', /Fly app removed-later does not exist/);
  });
});
