import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import type { Fault } from '../../sandbox/issuer/fault.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import {
  conditionOf,
  createCountedTenant,
  isTrue,
  PATIENCE_MS,
  startScenario,
  type Tenant,
} from './scenario.ts';

const noDeliveries = (tenant: Tenant) =>
  tenant.bind(({ spec }) => {
    spec.deliveries = [];
  });
const until = (
  tenant: Tenant,
  what: string,
  holds: (binding: Awaited<ReturnType<Tenant['binding']>>) => boolean,
  timeoutMs = PATIENCE_MS,
) => waitFor(() => tenant.binding(), { what, timeoutMs, until: holds });

describe('a wrong client secret', () => {
  let world: World;
  let controller: ControllerProcess;
  let tenant: Tenant;
  before(async () => {
    world = await startScenario({ machines: 0 });
    controller = await world.startController();
    tenant = await createCountedTenant(world, 'wrong', { clientSecret: 'not-the-secret' });
    await noDeliveries(tenant);
    await until(tenant, 'the binding to be Stalled', (binding) => isTrue(binding, 'Stalled'));
  });
  after(() => world?.stop());

  it('is told by conditions, with what to do', async () => {
    const binding = await tenant.binding();
    assert.equal(conditionOf(binding, 'Issued')?.reason, 'CredentialsInvalid');
    assert.equal(conditionOf(binding, 'Stalled')?.reason, 'CredentialsInvalid');
    assert.equal(conditionOf(binding, 'Ready')?.status, 'False');
    assert.match(conditionOf(binding, 'Issued')?.message ?? '', /toolbridge-m2m|client/);
  });

  it('is told by one event and by a metric', async () => {
    const events = await waitFor(() => tenant.events('CredentialsInvalid'), {
      what: 'the event',
      timeoutMs: PATIENCE_MS,
      until: (found) => found.length > 0,
    });
    assert.deepEqual(
      events.map(({ type }) => type),
      ['Warning'],
    );
    const metrics = await (await fetch(`${controller.metricsUrl}/metrics`)).text();
    assert.match(metrics, /tokenbinding_refreshes_total\{result="failure",reason="CredentialsInvalid"\} 1/);
    assert.match(metrics, /tokenbinding_consecutive_failures\{namespace="wrong",name="toolbridge-api"\} 1/);
  });

  it('costs the issuer one request: the next attempt is minutes away', async () => {
    const { attempts } = (await tenant.binding()).status ?? {};
    assert.equal(world.outside.issuer.requests.refused, 1);
    assert.ok(Date.parse(attempts?.nextTime ?? '') - Date.parse(attempts?.lastFailureTime ?? '') > 120_000);
  });

  it('is made good within 5 s of the Secret being corrected', async () => {
    const correct = { stringData: { client_secret: `secret-of-${tenant.namespace}` } };
    await world.objects.patch('Secret', tenant.namespace, 'toolbridge-m2m', correct);
    const binding = await until(tenant, 'the binding to recover', (found) => isTrue(found, 'Ready'), 5_000);
    assert.equal(conditionOf(binding, 'Stalled'), undefined);
    assert.equal(binding.status?.attempts?.consecutive, 0);
  });
});

const OUTAGES: readonly { what: string; fault: Fault; reason: string }[] = [
  { what: 'answers with errors', fault: { kind: 'serverError' }, reason: 'ProviderUnavailable' },
  { what: 'resets connections', fault: { kind: 'reset' }, reason: 'ProviderUnavailable' },
  { what: 'shows a page of HTML', fault: { kind: 'html' }, reason: 'ProviderUnavailable' },
  { what: 'loses its answers', fault: { kind: 'lostResponse', times: 1 }, reason: 'ProviderUnavailable' },
  { what: 'limits the rate', fault: { kind: 'rateLimited', retryAfterSeconds: 5 }, reason: 'RateLimited' },
];

describe('an issuer that', () => {
  let world: World;
  before(async () => {
    world = await startScenario({ machines: 0 });
    await world.startController();
  });
  after(() => world?.stop());
  afterEach(() => world.outside.issuer.clearFault());

  for (const [index, { what, fault, reason }] of OUTAGES.entries()) {
    it(`${what} leaves the old token serving, and is asked again until it works`, async () => {
      const tenant = await createCountedTenant(world, `outage-${index}`);
      await noDeliveries(tenant);
      await tenant.settled();
      const before = await tenant.token();
      world.outside.issuer.setFault(fault);
      const request = await tenant.requestRefresh();
      const failing = await until(
        tenant,
        `Issued=False/${reason}`,
        (binding) => conditionOf(binding, 'Issued')?.reason === reason,
      );
      assert.equal(conditionOf(failing, 'Ready')?.status, 'True');
      assert.equal(conditionOf(failing, 'Ready')?.reason, 'Refreshing');
      assert.ok((failing.status?.attempts?.consecutive ?? 0) >= 1);
      assert.ok(
        Date.parse(failing.status?.attempts?.nextTime ?? '') >=
          Date.parse(failing.status?.attempts?.lastFailureTime ?? ''),
      );
      assert.deepEqual(await tenant.token(), before);
      world.outside.issuer.clearFault();
      await tenant.settled(request);
      assert.notEqual((await tenant.token())?.jti, before?.jti);
    });
  }

  it('names the wait it wants is not asked before', async () => {
    const tenant = await createCountedTenant(world, 'retry-after');
    world.outside.issuer.setFault({ kind: 'rateLimited', retryAfterSeconds: 600 });
    await noDeliveries(tenant);
    const binding = await until(
      tenant,
      'RateLimited',
      (found) => conditionOf(found, 'Issued')?.reason === 'RateLimited',
    );
    const { nextTime, lastFailureTime } = binding.status?.attempts ?? {};
    assert.ok(Date.parse(nextTime ?? '') - Date.parse(lastFailureTime ?? '') >= 599_000);
  });

  it('is down until the token has expired is told so, and its first new token is delivered at once', async () => {
    const tenant = await createCountedTenant(world, 'expired');
    world.outside.issuer.setTokenLifetime(12);
    await noDeliveries(tenant);
    await tenant.settled();
    world.outside.issuer.setFault({ kind: 'serverError' });
    const dead = await until(
      tenant,
      'TokenExpired',
      (found) => conditionOf(found, 'Ready')?.reason === 'TokenExpired',
    );
    assert.equal(conditionOf(dead, 'Ready')?.status, 'False');
    assert.ok((dead.status?.attempts?.consecutive ?? 0) >= 3, 'several attempts fit before the expiry');
    world.outside.issuer.setTokenLifetime(3600);
    world.outside.issuer.clearFault();
    await until(
      tenant,
      'the binding to recover',
      (found) => isTrue(found, 'Ready') && isTrue(found, 'Issued'),
    );
    assert.equal((await tenant.events('TokenExpired')).length, 1);
  });
});
