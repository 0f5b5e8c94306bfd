import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { CAPACITY } from '../../sandbox/fly/fault.ts';
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

test('with a lost request nothing is done', async () => {
  world.fly.faults.next('setSecret', { kind: 'lostRequest' });
  await assert.rejects(world.call('POST', 'shop/secrets/NEVER', { body: { value: 'x' } }));
  assert.ok(!world.fly.secretNames('shop').includes('NEVER'));
});

test('a slow answer comes as late as told, with the work done', async () => {
  world.fly.faults.next('listSecrets', { kind: 'slow', delayMs: 300 });
  const startedMs = performance.now();
  assert.equal((await world.call('GET', 'shop/secrets')).status, 200);
  assert.ok(performance.now() - startedMs >= 290);
});

test('a fault can be aimed at one machine and can word its error', async () => {
  const [a, b] = await Promise.all(
    [1, 2].map(() => world.fly.addMachine('shop', { config: CONFIG, state: 'stopped' })),
  );
  const full = { kind: 'answer', status: 412, body: 'json', error: CAPACITY } as const;
  world.fly.faults.next('updateMachine', full, { machine: `${b}` });
  const update = (id = '') => world.call('POST', `shop/machines/${id}`, { body: { config: CONFIG } });
  assert.equal((await update(a)).status, 200);
  const refused = await update(b);
  assert.equal(refused.status, 412);
  assert.match(refused.body.error, /could not reserve resource for machine/);
  assert.equal((await update(b)).status, 200);
});

test('a chooser decides about every request for which no fault waits, until it is cleared', async () => {
  const asked: string[] = [];
  world.fly.faults.choose = ({ action, app }) => {
    asked.push(`${action} ${app}`);
    return app === 'shop' ? { kind: 'answer', status: 500, body: 'plain' } : undefined;
  };
  assert.equal((await world.call('GET', 'shop/secrets')).status, 500);
  const authorization = world.fly.deployToken('other');
  assert.equal((await world.call('GET', 'other/secrets', { authorization })).status, 200);
  assert.deepEqual(asked, ['listSecrets shop', 'listSecrets other']);
  world.fly.faults.clear();
  assert.equal((await world.call('GET', 'shop/secrets')).status, 200);
});

test('an update that the platform gives up on leaves the version before: started, healthy, with the old value', async () => {
  world.fly.meddle('shop').setSecrets({ TOKEN: 'old' });
  const id = await world.fly.addMachine('shop', { config: CONFIG, state: 'started' });
  const floor = world.fly.meddle('shop').setSecrets({ TOKEN: 'new' });
  const before = (await world.call('GET', `shop/machines/${id}`)).body;
  world.fly.faults.revertUpdates = 1;
  const body = { config: { ...CONFIG, metadata: { marker: '1' } }, min_secrets_version: floor };
  const { status, body: updated } = await world.call('POST', `shop/machines/${id}`, { body });
  assert.equal(status, 200);
  assert.notEqual(updated.instance_id, before.instance_id);
  const { state } = (await world.call('GET', `shop/machines/${id}/wait?state=settled&timeout=10`)).body;
  assert.equal(state, 'started');
  const reverted = (await world.call('GET', `shop/machines/${id}`)).body;
  assert.equal(reverted.instance_id, before.instance_id);
  assert.equal(reverted.config.metadata, undefined);
  await until(
    () => world.fly.machines('shop').find((machine) => machine.id === id)?.checks[0]?.status === 'passing',
  );
  const late = `state=settled&version=${updated.instance_id}&timeout=1`;
  assert.equal((await world.call('GET', `shop/machines/${id}/wait?${late}`)).status, 408);
});

test('a slow boot is starting until it is up', async () => {
  const id = await world.fly.addMachine('shop', { config: CONFIG, state: 'stopped' });
  world.fly.faults.bootDelayMs = 1_500;
  await world.call('POST', `shop/machines/${id}/start`);
  const wait = (state: string) => world.call('GET', `shop/machines/${id}/wait?state=${state}&timeout=1`);
  const { status, body } = await wait('started');
  assert.equal(status, 408);
  assert.match(body.error, /currently starting/);
  assert.equal((await wait('started')).status, 200);
});
