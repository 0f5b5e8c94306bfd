import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
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

test('every answer carries a request id of its own', async () => {
  pause();
  const ids = [];
  for (const path of ['shop/secrets', 'other/secrets', 'nowhere/secrets', 'shop/unknown']) {
    ids.push((await world.call('GET', path)).headers.get('fly-request-id'));
  }
  assert.ok(ids.every(Boolean));
  assert.equal(new Set(ids).size, ids.length);
});

test('a body that is no JSON object is 400', async () => {
  pause();
  assert.equal((await world.call('POST', 'shop/secrets', { body: ['x'] })).status, 400);
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
