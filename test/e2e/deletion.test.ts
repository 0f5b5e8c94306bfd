import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { bindAndSettle, createFlyTenant, delivery, KEY } from './fly-tenant.ts';
import {
  BINDING,
  type BindingEvent,
  conditionOf,
  PATIENCE_MS,
  startScenario,
  type Tenant,
} from './scenario.ts';

const SECONDS_MS = 15_000;
/** From the annotation to the end of the binding. */
const RELEASE_MS = 5_000;
const API_TOKEN = 'fly-deploy';
const SKIP_CLEANUP = 'tokenbinding.erauner.dev/skip-cleanup';

let world: World;
before(async () => {
  world = await startScenario({ machines: 0 });
  await world.startController();
});
after(() => world?.stop());

const secretsIn = (app: string) => world.outside.fly.secretNames(app);

async function bound(app: string, deletionPolicy: 'Delete' | 'Retain'): Promise<Tenant> {
  const tenant = await createFlyTenant(world, app);
  await bindAndSettle(tenant, [delivery('mcp', { app, deletionPolicy })]);
  assert.deepEqual(secretsIn(app), [KEY]);
  return tenant;
}

const remove = (tenant: Tenant) => world.objects.delete('TokenBinding', tenant.namespace, BINDING);

describe('a deleted binding', { concurrency: true }, () => {
  it('takes its token back where the policy is Delete, and its Secret is collected', async () => {
    const tenant = await bound('delete', 'Delete');
    await remove(tenant);
    await tenant.gone();
    assert.deepEqual(secretsIn('delete'), []);
    await waitFor(async () => ({ secret: await tenant.secret() }), {
      what: 'the garbage collector, which hears of a new kind within half a minute',
      timeoutMs: PATIENCE_MS,
      until: ({ secret }) => secret === undefined,
    });
    assert.equal(tenant.issued, 1);
  });

  it('goes at once where the policy is Retain, and leaves the token', async () => {
    const tenant = await bound('retain', 'Retain');
    assert.equal((await tenant.binding()).metadata.finalizers, undefined);
    await remove(tenant);
    await tenant.gone(RELEASE_MS);
    assert.deepEqual(secretsIn('retain'), [KEY]);
  });

  it('takes its token back while suspended, too', async () => {
    const tenant = await bound('suspended', 'Delete');
    await tenant.change({ suspend: true });
    await remove(tenant);
    await tenant.gone();
    assert.deepEqual(secretsIn('suspended'), []);
  });

  it('goes without a word when its app has gone before it', async () => {
    const tenant = await bound('no-app', 'Delete');
    await world.outside.fly.removeApp('no-app');
    await remove(tenant);
    await tenant.gone();
    assert.deepEqual(await warnings(tenant), []);
  });

  it('waits when the API token of a former delivery is missing, and goes on when there is one again', async () => {
    const tenant = await bound('token-back', 'Delete');
    const secret = await tenant.secret(API_TOKEN);
    await world.objects.delete('Secret', tenant.namespace, API_TOKEN);
    await tenant.change({ deliveries: [] });
    await remove(tenant);
    await stuckFor(tenant, 'CredentialsMissing');
    const { labels = {} } = secret?.metadata ?? {};
    await world.objects.create(tenant.own({ ...secret, metadata: { name: API_TOKEN, labels } }));
    await tenant.gone(RELEASE_MS);
    assert.deepEqual(secretsIn('token-back'), []);
  });

  it('is let go by annotation when the Secret with its API token is gone', async () => {
    const tenant = await bound('token-gone', 'Delete');
    await world.objects.delete('Secret', tenant.namespace, API_TOKEN);
    await remove(tenant);
    await letGo(tenant, await stuckFor(tenant, 'CredentialsMissing'));
  });

  it('is let go by annotation when its API token was revoked', async () => {
    const tenant = await bound('token-revoked', 'Delete');
    const { fly } = world.outside;
    fly.revokeToken(fly.deployToken('token-revoked'));
    await remove(tenant);
    await letGo(tenant, await stuckFor(tenant, 'Unauthorized'));
  });
});

describe('a deleted binding, while Fly is down,', () => {
  const down = () => {
    const answer = { kind: 'answer', status: 503, body: 'html' } as const;
    world.outside.fly.faults.next('updateSecrets', answer, 10_000);
  };
  after(() => world.outside.fly.faults.clear());

  it('is let go by annotation', async () => {
    const tenant = await bound('fly-down', 'Delete');
    down();
    await remove(tenant);
    await letGo(tenant, await stuckFor(tenant, 'PlatformUnavailable'));
  });

  it('waits, and takes its token back when Fly is up again', async () => {
    world.outside.fly.faults.clear();
    const tenant = await bound('fly-back', 'Delete');
    down();
    await remove(tenant);
    await stuckFor(tenant, 'PlatformUnavailable');
    world.outside.fly.faults.clear();
    await tenant.gone();
    assert.deepEqual(secretsIn('fly-back'), []);
  });
});

/** Waits until the binding says why it stays, and what the way out is, in its condition and an event. */
async function stuckFor(tenant: Tenant, reason: string): Promise<TokenBinding> {
  const binding = await waitFor(() => tenant.binding(), {
    what: `the cleanup of ${tenant.namespace} to fail for ${reason}`,
    timeoutMs: SECONDS_MS,
    until: (now) => conditionOf(now, 'Delivered')?.reason === reason,
  });
  assert.notEqual(binding.metadata.deletionTimestamp, undefined);
  const { status, message = '' } = conditionOf(binding, 'Delivered') ?? {};
  assert.equal(status, 'False');
  assert.ok(
    message.startsWith(`Cannot unset ${KEY} of the Fly app ${tenant.namespace} (${reason};`),
    message,
  );
  const stalled = conditionOf(binding, 'Stalled')?.reason;
  assert.equal(stalled, reason === 'PlatformUnavailable' ? undefined : reason);
  const [event] = await waitFor(() => tenant.events(reason), {
    what: `the event ${reason}`,
    timeoutMs: SECONDS_MS,
    until: (events) => events.length > 0,
  });
  assert.equal(event?.type, 'Warning');
  // Times of a next attempt differ.
  for (const text of [message, event?.note ?? '']) {
    assert.ok(text.startsWith(`Cannot unset ${KEY} of the Fly app ${tenant.namespace} (${reason};`), text);
    assert.ok(text.endsWith(`: kubectl ${skipCleanup(tenant)}`), text);
  }
  return binding;
}

async function warnings({ namespace }: Tenant): Promise<(string | undefined)[]> {
  const events = await world.objects.list<BindingEvent>('Event', namespace);
  return events.filter(({ type }) => type === 'Warning').map(({ reason }) => reason);
}

const skipCleanup = ({ namespace }: Tenant) => `annotate tb ${BINDING} -n ${namespace} ${SKIP_CLEANUP}=true`;

/** Runs the line that the condition offers. */
async function letGo(tenant: Tenant, stuck: TokenBinding): Promise<void> {
  const [, line = ''] = /kubectl (.*)$/.exec(conditionOf(stuck, 'Delivered')?.message ?? '') ?? [];
  assert.equal(line, skipCleanup(tenant));
  const { code, stderr } = await world.cluster.kubectl(line.split(' '));
  assert.equal(code, 0, stderr);
  await tenant.gone(RELEASE_MS);
  assert.deepEqual(secretsIn(tenant.namespace), [KEY], 'given up, and not taken back behind our back');
}
