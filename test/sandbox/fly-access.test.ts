import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ORGANIZATION } from '../../sandbox/fly/access-token.ts';
import { CONFIG, type FlyWorld, startFlyWorld } from './fixtures/fly-world.ts';

let world: FlyWorld;
let nowMs = Date.now();
before(async () => {
  world = await startFlyWorld({ rateLimit: true, now: () => nowMs });
});
after(() => world.stop());

/** Long enough for every bucket to be full again. */
const pause = () => {
  nowMs += 60_000;
};
const statuses = async (times: number, send: () => Promise<{ status: number }>) => {
  const seen: number[] = [];
  for (let i = 0; i < times; i += 1) seen.push((await send()).status);
  return seen;
};

test('a deploy token opens its app under FlyV1 and under Bearer', async () => {
  pause();
  const token = world.fly.deployToken('shop');
  assert.match(token, /^FlyV1 fm2_[\w-]+,fm2_[\w-]+$/);
  for (const authorization of [token, token.replace('FlyV1', 'Bearer')]) {
    assert.equal((await world.call('GET', 'shop/secrets', { authorization })).status, 200);
  }
});

test('a missing, malformed, unknown, incomplete or revoked token is 401', async () => {
  const token = world.fly.deployToken('shop');
  const [withoutDischarge = ''] = token.split(',');
  const bad = [
    null,
    '',
    token.replace('FlyV1 ', ''),
    `Bearer ${token}`,
    'FlyV1 fm2_unknown',
    withoutDischarge,
  ];
  for (const authorization of bad) {
    const { status, body } = await world.call('GET', 'shop/secrets', { authorization });
    assert.equal(status, 401);
    assert.ok(body.error);
  }
  const revoked = world.fly.deployToken('other');
  world.fly.revokeToken(revoked);
  assert.equal((await world.call('GET', 'other/secrets', { authorization: revoked })).status, 401);
});

test('a token of another app is 403 with a body of its own', async () => {
  const { status, body } = await world.call('GET', 'other/secrets');
  assert.equal(status, 403);
  assert.deepEqual(body, { error: 'unauthorized' });
});

test('an app and a machine that do not exist are 404', async () => {
  pause();
  assert.equal((await world.call('GET', 'nowhere/secrets')).status, 404);
  assert.equal((await world.call('GET', 'shop/machines/0123456789abcd')).status, 404);
});

test('an app takes three requests of one action at once, then one a second; 429 says when', async () => {
  pause();
  const list = () => world.call('GET', 'shop/secrets');
  assert.deepEqual(await statuses(4, list), [200, 200, 200, 429]);
  assert.equal((await list()).headers.get('retry-after'), '1');
  nowMs += 1_000;
  assert.deepEqual(await statuses(2, list), [200, 429]);
});

test('each action and each machine has a budget of its own', async () => {
  pause();
  const config = CONFIG;
  const [a, b] = [0, 0].map(() => world.fly.addMachine('shop', { config, state: 'stopped' }));
  const lease = async (id: Promise<string> | undefined) =>
    world.call('POST', `shop/machines/${await id}/lease`);
  await statuses(3, () => lease(a));
  assert.equal((await lease(a)).status, 429);
  assert.equal((await lease(b)).status, 201);
  assert.equal((await world.call('GET', `shop/machines/${await a}/lease`)).status, 200);
});

test('reading one machine is allowed ten times at once, then five times a second', async () => {
  pause();
  const id = await world.fly.addMachine('shop', { config: CONFIG, state: 'stopped' });
  const get = () => world.call('GET', `shop/machines/${id}`);
  assert.deepEqual(await statuses(11, get), [...Array(10).fill(200), 429]);
  nowMs += 200;
  assert.deepEqual(await statuses(2, get), [200, 429]);
});

test('every request is counted by action, refused ones too', async () => {
  pause();
  const before = world.fly.requests.count('listMachines', 'shop');
  await statuses(4, () => world.call('GET', 'shop/machines'));
  assert.equal(world.fly.requests.count('listMachines', 'shop'), before + 4);
  assert.equal(world.fly.requests.entries().at(-1)?.status, 429);
});

test('the token endpoint tells what the presented tokens open, and 401 when nothing', async () => {
  const token = world.fly.deployToken('shop');
  const { status, body } = await world.call('GET', '../tokens/current', { authorization: token });
  assert.equal(status, 200);
  const [{ token_id, apps }] = body.tokens;
  assert.ok(token_id && !token.includes(token_id));
  assert.deepEqual(apps, ['shop']);
  const organization = { organization: 'rivals' };
  const authorization = world.fly.issueToken({ of: organization, mayWrite: true });
  const { body: rival } = await world.call('GET', '../tokens/current', { authorization });
  assert.equal(rival.tokens[0].org_slug, 'rivals');
  assert.equal((await world.call('GET', '../tokens/current', { authorization: 'Bearer x' })).status, 401);
});

test('a token of the organization opens all its apps, one of another organization none', async () => {
  pause();
  for (const [organization, expected] of Object.entries({ [ORGANIZATION]: 200, rivals: 403 })) {
    const authorization = world.fly.issueToken({ of: { organization }, mayWrite: true });
    for (const app of ['shop', 'other']) {
      assert.equal((await world.call('GET', `${app}/secrets`, { authorization })).status, expected);
    }
  }
});

test('a read-only token reads and cannot write', async () => {
  pause();
  const authorization = world.fly.issueToken({ of: { app: 'shop' }, mayWrite: false });
  assert.equal((await world.call('GET', 'shop/machines', { authorization })).status, 200);
  const write = await world.call('POST', 'shop/secrets/A', { authorization, body: { value: 'x' } });
  assert.equal(write.status, 403);
  assert.deepEqual(world.fly.secretNames('shop'), []);
});

test('a token for exec neither reads secrets nor updates', async () => {
  pause();
  const authorization = world.fly.issueToken({ of: { app: 'shop' }, mayWrite: false, execOnly: true });
  const id = await world.fly.addMachine('shop', { config: CONFIG, state: 'stopped' });
  const ask = async (method: string, path: string) =>
    (await world.call(method, path, { authorization, ...(method === 'POST' && { body: {} }) })).status;
  assert.equal(await ask('GET', 'shop/secrets'), 403);
  assert.equal(await ask('POST', `shop/machines/${id}`), 403);
  assert.equal(await ask('GET', `shop/machines/${id}`), 200);
  assert.equal(await ask('POST', `shop/machines/${id}/exec`), 400);
});

test('a token is 401 from its expiry on', async () => {
  pause();
  const expiresAtMs = nowMs + 1_000;
  const authorization = world.fly.issueToken({ of: { app: 'shop' }, mayWrite: true, expiresAtMs });
  assert.equal((await world.call('GET', 'shop/secrets', { authorization })).status, 200);
  nowMs += 1_000;
  assert.equal((await world.call('GET', 'shop/secrets', { authorization })).status, 401);
});

test('an app tells its organization', async () => {
  const { status, body } = await world.call('GET', 'shop');
  assert.equal(status, 200);
  assert.equal(body.name, 'shop');
  assert.equal(body.organization.slug, ORGANIZATION);
});
