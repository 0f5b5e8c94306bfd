import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { World } from '../../sandbox/world.ts';
import { startScenario } from './scenario.ts';
import { SourceTenant } from './source-tenant.ts';

/** So slow that whatever asks at the same moment comes while the answer is on its way. */
const SLOWNESS_MS = 3_000;

let world: World;
before(async () => {
  world = await startScenario({ machines: 0 });
  await world.startController();
});
after(() => world?.stop());

/** A client whose requests are answered slowly, and the Secret that each of the namespaces has of it. */
async function createClient(id: string, tenants: readonly SourceTenant[]): Promise<void> {
  const secret = `secret-of-${id}`;
  const { issuer } = world.outside;
  issuer.addClient({ id, secret });
  issuer.setFault({ kind: 'delay', ms: SLOWNESS_MS }, { clientId: id });
  for (const owner of tenants) await owner.writeCredential(id, { client_id: id, client_secret: secret });
}

/** Asks with the Secret of that client. */
function specWith(client: string, scopes: readonly string[] = []): object {
  const { issuer, audience } = world.outside;
  return {
    source: { auth0: { domain: issuer.domain, audience, scopes } },
    clientAuthentication: { clientSecret: { secretRef: { name: client } } },
  };
}

const requestsOf = (id: string) =>
  world.outside.issuer.received.filter(({ clientId }) => clientId === id).length;

test('two bindings of a namespace that are equal in all but their Secrets ask once, and share the token', async () => {
  const owner = await SourceTenant.create(world, 'joined');
  await createClient('shared', [owner]);
  const names = ['one', 'other'];
  for (const name of names) await owner.bind(name, specWith('shared'));
  const [one, other] = await Promise.all(names.map((name) => owner.settled(name)));
  assert.equal(requestsOf('shared'), 1);
  assert.equal(await owner.storedToken('one'), await owner.storedToken('other'));
  assert.notEqual(one?.status?.token?.id, other?.status?.token?.id, 'nobody can tell from the status');
});

test('two that name the same client with another credential, or want something else, ask each for itself', async () => {
  const owner = await SourceTenant.create(world, 'unequal');
  await createClient('claimed', [owner]);
  world.outside.issuer.addAudience(world.outside.audience, ['read']);
  await owner.writeCredential('pretender', {
    client_id: 'claimed',
    client_secret: 'not known to the pretender',
  });
  await owner.bind('owner', specWith('claimed'));
  await owner.bind('reader', specWith('claimed', ['read']));
  await owner.bind('pretender', specWith('pretender'));
  await Promise.all(['owner', 'reader'].map((name) => owner.settled(name)));
  assert.notEqual(await owner.storedToken('owner'), await owner.storedToken('reader'));
  assert.equal(requestsOf('claimed'), 3);
  assert.equal(world.outside.issuer.issuedCount('claimed'), 2);
  await assert.rejects(owner.storedToken('pretender'), /there is no token/);
});

test('two namespaces never share a token, however equal what they ask for', async () => {
  const owners = [await SourceTenant.create(world, 'here'), await SourceTenant.create(world, 'there')];
  await createClient('common', owners);
  await Promise.all(owners.map((owner) => owner.bind('same', specWith('common'))));
  await Promise.all(owners.map((owner) => owner.settled('same')));
  const [here, there] = await Promise.all(owners.map((owner) => owner.storedToken('same')));
  assert.equal(requestsOf('common'), 2);
  assert.notEqual(here, there);
});
