import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JWTPayload } from 'jose';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { BINDING, createCountedTenant, type Secret, startScenario, TARGET, type Tenant } from './scenario.ts';

const SECONDS_MS = 15_000;
const OTHER_AUDIENCE = 'https://other.acme.dev';

describe('the token in the Secret', { concurrency: true }, () => {
  let world: World;
  before(async () => {
    world = await startScenario({ machines: 0, audiences: [OTHER_AUDIENCE] });
    await world.startController();
  });
  after(() => world?.stop());

  async function settledTenant(namespace: string): Promise<Tenant> {
    const tenant = await createCountedTenant(world, namespace);
    await bind(tenant);
    await tenant.settled();
    return tenant;
  }

  it('is gone on with by a binding and a Secret restored from a backup', async () => {
    const tenant = await settledTenant('restored');
    const [binding, secret, token] = await all(tenant);
    await loseAndRestore(tenant, secret);
    await assertAdopted(tenant, { formerly: binding, token });
  });

  it('is gone on with by a binding that was deleted without its Secret and made anew', async () => {
    const tenant = await settledTenant('orphaned');
    const [binding, secret, token] = await all(tenant);
    const args = ['delete', 'tb', BINDING, `--namespace=${tenant.namespace}`, '--cascade=orphan'];
    assert.equal((await world.cluster.kubectl(args)).code, 0);
    await tenant.gone();
    const orphan = await tenant.secret();
    assert.deepEqual([orphan?.metadata?.uid, orphan?.data], [secret?.metadata?.uid, secret?.data]);
    assert.equal(orphan?.metadata?.ownerReferences, undefined);
    await bind(tenant);
    await assertAdopted(tenant, { formerly: binding, token });
  });

  it('is under the new key, and no longer under the old one, in a restored Secret too', async () => {
    const tenant = await settledTenant('restored-and-moved');
    const [, secret] = await all(tenant);
    await loseAndRestore(tenant, secret);
    await assertKept(tenant);
    await tenant.change({ secret: { key: 'jwt' } });
    await secretOf(tenant, ({ data = {} }) => isOnly(data, 'jwt'));
  });

  it('is replaced at once when the spec asks for another audience', async () => {
    const tenant = await settledTenant('another-audience');
    const [, , before] = await all(tenant);
    assert.equal(before?.aud, world.outside.audience);
    await tenant.change({ source: { auth0: { audience: OTHER_AUDIENCE } } });
    const token = await waitFor(() => tenant.token(), {
      what: 'a token for the other audience',
      timeoutMs: SECONDS_MS,
      until: ({ aud }) => aud === OTHER_AUDIENCE,
    });
    await tenant.settled();
    assert.deepEqual([tenant.issued, token.jti === before?.jti], [2, false]);
  });

  it('moves to another key without being issued anew, and leaves none under the old one', async () => {
    const tenant = await settledTenant('another-key');
    const [, secret] = await all(tenant);
    await tenant.change({ secret: { key: 'jwt' } });
    const moved = await secretOf(tenant, ({ data = {} }) => isOnly(data, 'jwt'));
    assert.equal(moved.data?.jwt, secret?.data?.token);
    await assertKept(tenant);
  });

  it('stays as labels and annotations of its Secret come and go with the spec', async () => {
    const tenant = await createCountedTenant(world, 'labels');
    const wanted = { labels: { team: 'a' }, annotations: { reload: 'yes' } };
    await bind(tenant, wanted);
    await tenant.settled();
    const [, before] = await all(tenant);
    assert.equal(before?.metadata?.labels?.team, 'a');
    await world.objects.patch('Secret', tenant.namespace, TARGET, {
      metadata: { labels: { 'acme.dev/cost-centre': '42' } },
    });
    await tenant.change({ secret: { labels: null, annotations: null } });
    const { metadata, data } = await secretOf(tenant, (now) => now.metadata?.labels?.team === undefined);
    const { team: _removed, ...labels } = before?.metadata?.labels ?? {};
    assert.deepEqual(metadata?.labels, { ...labels, 'acme.dev/cost-centre': '42' });
    assert.equal(metadata?.annotations?.reload, undefined);
    assert.deepEqual(data, before?.data);
    await tenant.change({ secret: wanted });
    const again = await secretOf(tenant, (now) => now.metadata?.labels?.team === 'a');
    assert.equal(again.metadata?.annotations?.reload, 'yes');
    await assertKept(tenant);
  });

  it('gets its expiry beside it, and loses it again, as the spec says', async () => {
    const tenant = await settledTenant('expiry');
    const [binding, before] = await all(tenant);
    await tenant.change({ secret: { expiryKey: 'expires_at' } });
    const { data } = await secretOf(tenant, (now) => now.data?.expires_at !== undefined);
    const expiry = Buffer.from(data?.expires_at ?? '', 'base64').toString();
    assert.equal(expiry, binding.status?.token?.expiresAt);
    await tenant.change({ secret: { expiryKey: null } });
    const after = await secretOf(tenant, (now) => now.data?.expires_at === undefined);
    assert.deepEqual(after.data, before?.data);
    await assertKept(tenant);
  });

  /** As a backup tool does: with all that people see, and nothing that the API server gave it. */
  async function loseAndRestore(tenant: Tenant, secret: Secret | undefined): Promise<void> {
    await world.objects.delete('TokenBinding', tenant.namespace, BINDING);
    await tenant.gone();
    await world.objects.delete('Secret', tenant.namespace, TARGET);
    const { labels = {}, annotations = {} } = secret?.metadata ?? {};
    await world.objects.create(tenant.own({ ...secret, metadata: { name: TARGET, labels, annotations } }));
    await bind(tenant);
  }
});

/** @param secret fields of `spec.secret` besides the name */
function bind(tenant: Tenant, secret: object = {}): Promise<void> {
  return tenant.bind(({ spec }) => {
    delete spec.deliveries;
    Object.assign(spec, { secret: { name: TARGET, ...secret } });
  });
}

const all = (tenant: Tenant) => Promise.all([tenant.binding(), tenant.secret(), tenant.token()]);

const isOnly = (data: object, key: string) => Object.keys(data).join() === key;

function secretOf(tenant: Tenant, until: (secret: Secret) => boolean): Promise<Secret> {
  const what = `the Secret of ${tenant.namespace} to follow the spec`;
  return waitFor(() => tenant.secret(), { what, timeoutMs: SECONDS_MS, until });
}

/** The binding has settled on the one token that it ever asked for. */
async function assertKept(tenant: Tenant): Promise<void> {
  await tenant.settled();
  assert.equal(tenant.issued, 1);
}

/** The new binding owns the Secret, and has no other token than the one before it had. */
async function assertAdopted(
  tenant: Tenant,
  before: { formerly: TokenBinding; token: JWTPayload | undefined },
): Promise<void> {
  const { metadata, status } = await tenant.settled();
  assert.notEqual(metadata.uid, before.formerly.metadata.uid);
  assert.equal((await tenant.token())?.jti, before.token?.jti);
  assert.deepEqual(status?.token, before.formerly.status?.token);
  const [owner, ...others] = (await tenant.secret())?.metadata?.ownerReferences ?? [];
  assert.deepEqual([owner?.uid, owner?.controller, others], [metadata.uid, true, []]);
  await assertKept(tenant);
}
