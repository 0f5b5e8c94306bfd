import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CONFIG, type FlyWorld, startFlyWorld, until } from './fixtures/fly-world.ts';

let world: FlyWorld;
let printed = '';
beforeEach(async () => {
  printed = '';
  world = await startFlyWorld({
    onOutput: (_, text) => {
      printed += text;
    },
  });
});
afterEach(() => world.stop());

const add = (config: Record<string, unknown> = CONFIG) =>
  world.fly.addMachine('shop', { config, state: 'started' });
const passing = () => world.fly.machines('shop').filter(({ checks }) => checks[0]?.status === 'passing');

async function ask(path = '/', headers: Record<string, string> = {}): Promise<Response> {
  return world.fetch(world.fly.proxyUrl('shop') + path, { headers });
}

async function answering(requests = 8): Promise<Set<string>> {
  const answers = await Promise.all(Array.from({ length: requests }, async () => (await ask()).text()));
  return new Set(answers);
}

test('requests go to every machine that is healthy, and to no other', async () => {
  const healthy = [await add(), await add()];
  await add({ ...CONFIG, env: { SICK: '1' } });
  await until(() => passing().length === 2);
  assert.deepEqual(await answering(), new Set(healthy));
});

test('without a healthy machine the answer is 503', async () => {
  await world.fly.addMachine('shop', { config: CONFIG, state: 'stopped' });
  assert.equal((await ask()).status, 503);
});

test('a machine that breaks off in the middle of a request is 502, and the request is not repeated', async () => {
  await Promise.all([add(), add()]);
  await until(() => passing().length === 2);
  assert.equal((await ask('/exit1')).status, 502);
  await until(() => world.fly.machines('shop').some(({ state }) => state === 'failed'));
  assert.equal(passing().length, 1);
});

test('a machine being updated gets no new request, while the one under way is finished', async () => {
  const machine = await add();
  await until(() => passing().length === 1);
  const slow = ask('/slow');
  await until(() => printed.includes('/slow'));
  await world.call('POST', `shop/machines/${machine}`, { body: { config: CONFIG } });
  assert.equal((await ask()).status, 503);
  assert.equal(await (await slow).text(), machine);
});

test('no request fails while two machines are updated one after the other', async () => {
  const machines = [await add(), await add()];
  await until(() => passing().length === 2);
  let rolling = true;
  const failures: unknown[] = [];
  const caller = (async () => {
    while (rolling) {
      const { status } = await ask().catch(() => ({ status: 0 }));
      if (status !== 200) failures.push(status);
    }
  })();
  for (const machine of machines) {
    await world.call('POST', `shop/machines/${machine}`, { body: { config: CONFIG } });
    await world.fly.settled('shop');
    await until(() => passing().length === 2);
  }
  rolling = false;
  await caller;
  assert.deepEqual(failures, []);
});

test('a session stays with the machine that issued it and falls to another when that one is gone', async () => {
  const machines = [await add(), await add()];
  await until(() => passing().length === 2);
  const opened = await ask('/session');
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
  const issuer = await opened.text();
  for (let i = 0; i < 6; i += 1) assert.equal(await (await ask('/', session)).text(), issuer);
  await world.call('POST', `shop/machines/${issuer}/stop`);
  const other = machines.find((id) => id !== issuer);
  assert.equal(await (await ask('/', session)).text(), other);
});

test('without a serving machine one with autostart is woken, and the request waits for it', async () => {
  const services = [{ internal_port: 8080, autostart: true }];
  const config = { ...CONFIG, services };
  const machine = await world.fly.addMachine('shop', { config, state: 'stopped' });
  const answer = await ask();
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), machine);
  assert.equal(world.fly.machines('shop')[0]?.state, 'started');
});
