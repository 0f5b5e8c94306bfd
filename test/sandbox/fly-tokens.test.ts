import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ORGANIZATION } from '../../sandbox/fly/access-token.ts';
import { type FlyWorld, startFlyWorld } from './fixtures/fly-world.ts';

let world: FlyWorld;
before(async () => {
  world = await startFlyWorld();
});
after(() => world.stop());

async function current(authorization: string | null): Promise<{ status: number; tokens: unknown }> {
  const { status, body } = await world.call('GET', '../tokens/current', { authorization });
  return { status, tokens: body.tokens };
}

const organization = (name: string, mayWrite = true) =>
  world.fly.issueToken({ of: { organization: name }, mayWrite });

test('a deploy token tells its app, an organization token its organization', async () => {
  const deploy = world.fly.issueToken({ of: { app: 'shop' }, mayWrite: true });
  assert.deepEqual(await current(deploy), {
    status: 200,
    tokens: [{ token_id: 'sandbox-0', apps: ['shop'] }],
  });
  const told = { token_id: 'sandbox-0', org_slug: ORGANIZATION, organization: ORGANIZATION };
  assert.deepEqual((await current(organization(ORGANIZATION))).tokens, [told]);
  assert.deepEqual(
    (await current(organization(ORGANIZATION, false))).tokens,
    [told],
    'nor that it only reads',
  );
});

test('several tokens sent together are told one by one, without their discharges', async () => {
  const both = `${world.fly.deployToken('shop')},${world.fly.deployToken('other').replace('FlyV1 ', '')}`;
  assert.deepEqual((await current(both)).tokens, [
    { token_id: 'sandbox-0', apps: ['shop'] },
    { token_id: 'sandbox-1', apps: ['other'] },
  ]);
});

test('a missing, expired or incomplete token is 401', async () => {
  const expired = world.fly.issueToken({ of: { app: 'shop' }, mayWrite: true });
  world.fly.revokeToken(expired);
  const [withoutDischarge = ''] = world.fly.deployToken('shop').split(',');
  for (const token of [null, expired, withoutDischarge]) assert.equal((await current(token)).status, 401);
});

test('a read-only token reads every app of its organization and writes none', async () => {
  const authorization = organization(ORGANIZATION, false);
  for (const app of ['shop', 'other']) {
    assert.equal((await world.call('GET', `${app}/secrets`, { authorization })).status, 200);
    const write = { authorization, body: { value: 'x' } };
    assert.equal((await world.call('POST', `${app}/secrets/TOKEN`, write)).status, 403);
  }
});

test('a token of another organization opens no app of this one', async () => {
  const authorization = organization('elsewhere');
  assert.equal((await world.call('GET', 'shop/secrets', { authorization })).status, 403);
});
