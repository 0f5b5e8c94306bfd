import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CONFIG, type FlyWorld, startFlyWorld, until } from './fixtures/fly-world.ts';

let world: FlyWorld;
before(async () => {
  world = await startFlyWorld();
});
after(() => world.stop());

async function add(state: 'started' | 'stopped', config: Record<string, unknown> = CONFIG): Promise<string> {
  return `shop/machines/${await world.fly.addMachine('shop', { config, state })}`;
}

const get = async (machine: string) => (await world.call('GET', machine)).body;
const wait = (machine: string, query: string) => world.call('GET', `${machine}/wait?${query}`);
const addressOf = (machine: string) => world.fly.machines('shop').find(({ id }) => machine.endsWith(id))?.url;

test('a failing check warns within its grace period and is critical after', async () => {
  const alive = { ...CONFIG.checks.alive, grace_period: '1s' };
  const machine = await add('started', { ...CONFIG, checks: { alive }, env: { SICK: '1' } });
  await until(async () => (await get(machine)).checks[0]?.status === 'warning');
  await until(async () => (await get(machine)).checks[0]?.status === 'critical');
});

for (const [code, state] of [
  ['0', 'stopped'],
  ['3', 'failed'],
] as const) {
  test(`a program that ends by itself with code ${code} leaves the machine ${state}, with an exit event`, async () => {
    const machine = await add('started');
    await until(async () => (await get(machine)).checks[0]?.status === 'passing');
    await fetch(`${addressOf(machine)}/exit${code}`).catch(() => undefined);
    await until(async () => (await get(machine)).state === state);
    const { events } = await get(machine);
    assert.equal(events[0].type, 'exit');
    assert.equal(events[0].request.exit_event.exit_code, Number(code));
    assert.equal(events[0].request.exit_event.requested_stop, false);
  });
}

test('a failed machine is launched by its next update', async () => {
  const machine = await add('started');
  await until(async () => (await get(machine)).checks[0]?.status === 'passing');
  await fetch(`${addressOf(machine)}/exit3`).catch(() => undefined);
  await until(async () => (await get(machine)).state === 'failed');
  const { body } = await world.call('POST', machine, { body: { config: CONFIG } });
  assert.equal((await wait(machine, `state=settled&version=${body.instance_id}`)).body.state, 'started');
});

test('a restart policy starts a crashed program again until its retries are used up', async () => {
  const restart = { policy: 'on-failure', max_retries: 1 };
  const machine = await add('started', { ...CONFIG, restart });
  const crash = async () => {
    await until(async () => (await get(machine)).checks[0]?.status === 'passing');
    await fetch(`${addressOf(machine)}/exit3`).catch(() => undefined);
  };
  await crash();
  const exits = async () =>
    (await get(machine)).events.filter(({ type }: { type: string }) => type === 'exit');
  await until(async () => (await exits()).length === 1);
  const [exit] = await exits();
  assert.equal(exit.request.exit_event.restarting, true);
  assert.equal(exit.request.restart_count, 1);
  await crash();
  await until(async () => (await get(machine)).state === 'failed');
});

test('a machine with auto_destroy is gone when its program has ended', async () => {
  const machine = await add('started', { ...CONFIG, auto_destroy: true });
  await until(async () => (await get(machine)).checks[0]?.status === 'passing');
  await fetch(`${addressOf(machine)}/exit0`).catch(() => undefined);
  await until(async () => (await world.call('GET', machine)).status === 404);
});
