import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import {
  BINDING,
  conditionOf,
  createCountedTenant,
  isTrue,
  PATIENCE_MS,
  type Secret,
  startScenario,
  TARGET,
  type Tenant,
} from './scenario.ts';

/** The next look that time alone would bring is half an hour away: within this, it was the watch. */
const SECONDS_MS = 15_000;
/** A Secret that is not ours is looked at again each minute. */
const PROBE_MS = 80_000;
const OTHER = 'orders-api';
const CREDENTIAL = 'toolbridge-m2m';
const GROUP = 'tokenbinding.erauner.dev';
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** What somebody did to the Secret, and how many tokens it costs: one, where the stored one is lost. */
const EDITS = [
  { what: 'the token was overwritten', change: { data: { token: base64('not-a-token') } }, cost: 1 },
  { what: 'the token was removed', change: { data: { token: null } }, cost: 1 },
  { what: 'the expiry was overwritten', change: { data: { expires_at: base64('2099-01-01') } }, cost: 0 },
  { what: 'the expiry was removed', change: { data: { expires_at: null } }, cost: 0 },
  { what: 'our label was removed', change: { metadata: { labels: { [`${GROUP}/token`]: null } } }, cost: 0 },
  { what: 'a label of the spec was changed', change: { metadata: { labels: { team: 'b' } } }, cost: 0 },
  {
    what: 'the annotation with the binding was removed',
    change: { metadata: { annotations: { [`${GROUP}/binding`]: null } } },
    cost: 0,
  },
  {
    what: 'the annotation that identifies the token was removed',
    change: { metadata: { annotations: { [`${GROUP}/token-id`]: null } } },
    cost: 1,
  },
  { what: 'the owner reference was removed', change: { metadata: { ownerReferences: null } }, cost: 0 },
];
const SOMEBODY_ELSES = {
  metadata: { labels: { 'acme.dev/cost-centre': '42' }, annotations: { 'acme.dev/note': 'keep' } },
  data: { 'ca.crt': base64('a certificate') },
};

describe('the Secret of a binding', { concurrency: true }, () => {
  let world: World;
  before(async () => {
    world = await startScenario({ machines: 0 });
    await world.startController();
  });
  after(() => world?.stop());

  async function settledTenant(namespace: string): Promise<Tenant> {
    const tenant = await createCountedTenant(world, namespace);
    await tenant.bind(({ spec }) => {
      delete spec.deliveries;
      Object.assign(spec, { secret: { name: TARGET, expiryKey: 'expires_at', labels: { team: 'a' } } });
    });
    await tenant.settled();
    return tenant;
  }

  for (const [index, { what, change, cost }] of EDITS.entries()) {
    it(`is repaired when ${what}, and what somebody else added survives`, async () => {
      const tenant = await settledTenant(`edit-${index}`);
      await world.objects.patch('Secret', tenant.namespace, TARGET, SOMEBODY_ELSES);
      const [secret, token] = [await tenant.secret(), await tenant.token()];
      await world.objects.patch('Secret', tenant.namespace, TARGET, change);
      if (cost > 0) await anotherToken(tenant, token?.jti);
      await waitFor(() => tenant.secret(), {
        what: `the Secret of ${tenant.namespace} to be repaired`,
        timeoutMs: SECONDS_MS,
        until: (now) => isDeepStrictEqual(visibleIn(now, cost), visibleIn(secret, cost)),
      });
      await assertIntact(tenant, 1 + cost);
    });
  }

  it('is made anew when it was deleted', async () => {
    const tenant = await settledTenant('deleted');
    const [secret, token] = [await tenant.secret(), await tenant.token()];
    await world.objects.delete('Secret', tenant.namespace, TARGET);
    await anotherToken(tenant, token?.jti);
    assert.deepEqual(visibleIn(await tenant.secret(), 1), visibleIn(secret, 1));
    await assertIntact(tenant, 2);
  });

  it("is left alone when it is nobody's, until it goes", async () => {
    const tenant = await createCountedTenant(world, 'foreign');
    const stringData = { token: 'somebody-elses' };
    const name = { name: TARGET, namespace: tenant.namespace };
    await world.objects.apply([{ apiVersion: 'v1', kind: 'Secret', metadata: name, ...{ stringData } }]);
    const before = await tenant.secret();
    await tenant.bind(withoutDeliveries);
    const conflict = await assertConflict(tenant, 'nobody this controller knows');
    await tenant.requestRefresh();
    await tenant.change({ refresh: { jitterPercent: 0 } });
    await waitFor(() => tenant.binding(), {
      what: 'a look at the changed binding',
      timeoutMs: SECONDS_MS,
      until: ({ metadata, status }) => status?.observedGeneration === metadata.generation,
    });
    await assertConflict(tenant, 'nobody this controller knows');
    assert.deepEqual(await tenant.secret(), before, 'the Secret must be the same byte for byte');
    assert.equal(tenant.issued, 0);
    const [, line = ''] = /\((kubectl .*?)\)/.exec(conflict) ?? [];
    await run(line);
    await tenant.settled(undefined, PROBE_MS);
    await assertIntact(tenant, 1);
  });

  it("is left alone when it is another binding's, until that one goes", async () => {
    const tenant = await settledTenant('contested');
    const before = await tenant.secret();
    await tenant.bind((binding) => {
      withoutDeliveries(binding);
      binding.metadata = { ...binding.metadata, name: OTHER };
    });
    await assertConflict(tenant, `TokenBinding ${BINDING}`, OTHER);
    assert.deepEqual(await tenant.secret(), before);
    assert.equal(tenant.issued, 1);
    await world.objects.delete('TokenBinding', tenant.namespace, BINDING);
    await waitFor(async () => ({ uid: (await tenant.secret())?.metadata?.uid }), {
      what: 'the garbage collector, which hears of a new kind within half a minute',
      timeoutMs: PATIENCE_MS,
      until: ({ uid }) => uid !== before?.metadata?.uid,
    });
    await waitFor(() => tenant.binding(OTHER), {
      what: 'the other binding to be Ready',
      timeoutMs: SECONDS_MS,
      until: (binding) => isTrue(binding, 'Ready'),
    });
    const owners = (await tenant.secret())?.metadata?.ownerReferences?.map(({ name }) => name);
    assert.deepEqual(owners, [OTHER]);
    assert.equal(tenant.issued, 2);
  });

  it('waits for a credential whose owner has not released it, and then for no more than that', async () => {
    const tenant = await createCountedTenant(world, 'unlabelled');
    await world.objects.patch('Secret', tenant.namespace, CREDENTIAL, {
      metadata: { labels: { [`${GROUP}/credential`]: null } },
    });
    await tenant.bind(withoutDeliveries);
    const message = await refusedFor(tenant, 'CredentialsMissing');
    assert.equal(tenant.issued, 0);
    const label = `kubectl label secret ${CREDENTIAL} -n ${tenant.namespace} ${GROUP}/credential=true`;
    assert.equal(/`(kubectl [^`]*)`/.exec(message)?.[1], label);
    await run(label);
    await tenant.settled(undefined, 5_000);
    await assertIntact(tenant, 1);
  });

  /** Runs a line as a person would paste it. */
  async function run(line: string): Promise<void> {
    const [command, ...args] = line.split(' ');
    assert.equal(command, 'kubectl');
    const { code, stderr } = await world.cluster.kubectl(args);
    assert.equal(code, 0, `${line}: ${stderr}`);
  }

  /** The token is whole, the latest of those issued, and told right. */
  async function assertIntact(tenant: Tenant, issued: number): Promise<void> {
    const { status } = await tenant.settled();
    const token = await tenant.token();
    assert.equal(token?.jti, latestToken(tenant));
    assert.equal(tenant.issued, issued);
    const { expires_at: expiry } = (await tenant.secret())?.data ?? {};
    if (expiry !== undefined) assert.equal(expiry, base64(status?.token?.expiresAt ?? ''));
  }

  /** `jti` of the token issued last to the client of that tenant. */
  function latestToken({ namespace }: Tenant): string | undefined {
    const { issued } = world.outside.issuer;
    return issued.findLast(({ clientId }) => clientId === `client-of-${namespace}`)?.tokenId;
  }
});

function withoutDeliveries({ spec }: Parameters<Parameters<Tenant['bind']>[0] & object>[0]): void {
  delete spec.deliveries;
}

/** Waits until `Issued` is False for that reason, told by an event too; gives the message. */
async function refusedFor(tenant: Tenant, reason: string, name?: string): Promise<string> {
  const binding = await waitFor(() => tenant.binding(name), {
    what: `a binding of ${tenant.namespace} to be refused for ${reason}`,
    timeoutMs: SECONDS_MS,
    until: (now) => conditionOf(now, 'Issued')?.reason === reason,
  });
  assert.equal(conditionOf(binding, 'Issued')?.status, 'False');
  assert.equal(conditionOf(binding, 'Stalled')?.reason, reason);
  assert.equal(conditionOf(binding, 'Ready')?.reason, 'NeverIssued');
  const [event] = await waitFor(() => tenant.events(reason), {
    what: `the event ${reason}`,
    timeoutMs: SECONDS_MS,
    until: (events) => events.length > 0,
  });
  assert.equal(event?.type, 'Warning');
  const { message = '' } = conditionOf(binding, 'Issued') ?? {};
  assert.equal(event?.note, message);
  return message;
}

async function assertConflict(tenant: Tenant, owner: string, name?: string): Promise<string> {
  const message = await refusedFor(tenant, 'SecretConflict', name);
  assert.ok(message.startsWith(`Secret ${TARGET} exists and belongs to ${owner}`), message);
  return message;
}

async function anotherToken(tenant: Tenant, than: string | undefined): Promise<void> {
  await waitFor(() => tenant.token(), {
    what: `another token in ${tenant.namespace}`,
    timeoutMs: SECONDS_MS,
    until: ({ jti }) => jti !== than,
  });
}

/** Everything of the Secret that people see; where a new token was needed, the names of what tells it. */
function visibleIn(secret: Secret | undefined, cost: number): object {
  const { labels, annotations = {}, ownerReferences } = secret?.metadata ?? {};
  const { data = {} } = secret ?? {};
  if (cost === 0) return { labels, annotations, ownerReferences, data };
  return {
    ...{ labels, ownerReferences, annotations: Object.keys(annotations).sort() },
    data: Object.keys(data).sort(),
  };
}
