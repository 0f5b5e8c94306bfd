import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { CONFIG, type FlyWorld, startFlyWorld, until } from './fixtures/fly-world.ts';

let world: FlyWorld;
before(async () => {
  world = await startFlyWorld();
});
after(() => world.stop());
afterEach(() => world.fly.faults.clear());

test('an injected answer takes the place of the next requests of its action, and of no other', async () => {
  world.fly.faults.next(
    'listSecrets',
    { kind: 'answer', status: 503, body: 'json', retryAfterSeconds: 7 },
    2,
  );
  assert.equal((await world.call('GET', 'shop/machines')).status, 200);
  for (let i = 0; i < 2; i += 1) {
    const { status, headers, body } = await world.call('GET', 'shop/secrets');
    assert.equal(status, 503);
    assert.equal(headers.get('retry-after'), '7');
    assert.ok(body.error);
  }
  assert.equal((await world.call('GET', 'shop/secrets')).status, 200);
});

test('an injected answer can be the HTML or the text of a gateway', async () => {
  for (const [body, type] of [
    ['html', 'text/html'],
    ['plain', 'text/plain'],
  ] as const) {
    world.fly.faults.next('listSecrets', { kind: 'answer', status: 504, body });
    const answer = await world.call('GET', 'shop/secrets');
    assert.equal(answer.status, 504);
    assert.equal(answer.headers.get('content-type'), type);
    assert.equal(typeof answer.body, 'string');
  }
});

test('with a lost response the work is done and the connection cut', async () => {
  world.fly.faults.next('setSecret', { kind: 'lostResponse' });
  await assert.rejects(world.call('POST', 'shop/secrets/LOST', { body: { value: 'x' } }));
  assert.ok(world.fly.secretNames('shop').includes('LOST'));
  assert.equal(world.fly.requests.entries().at(-1)?.status, 0);
});

test('with new versions broken, what runs stays healthy and what is updated never gets so', async () => {
  const id = await world.fly.addMachine('shop', { config: CONFIG, state: 'started' });
  const status = () => world.fly.machines('shop').find((machine) => machine.id === id)?.checks[0]?.status;
  await until(() => status() === 'passing');
  world.fly.faults.breakNewVersions = true;
  assert.equal(status(), 'passing');
  const alive = { ...CONFIG.checks.alive, grace_period: '0s' };
  await world.call('POST', `shop/machines/${id}`, { body: { config: { ...CONFIG, checks: { alive } } } });
  await until(() => status() === 'critical');
  world.fly.faults.clear();
  await world.call('POST', `shop/machines/${id}`, { body: { config: CONFIG } });
  await until(() => status() === 'passing');
});

test('a removed app is 404 for the token that managed it', async () => {
  await world.fly.createApp({ name: 'brief', apiTokens: ['Bearer plain-token'] });
  const authorization = 'Bearer plain-token';
  assert.equal((await world.call('GET', 'brief/secrets', { authorization })).status, 200);
  await world.fly.removeApp('brief');
  assert.equal((await world.call('GET', 'brief/secrets', { authorization })).status, 404);
});
