import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Fly, type MachineInspection, startFly } from '../../sandbox/fly/fly.ts';
import { createAuthority } from '../../sandbox/pki.ts';
import { systemClock } from '../../src/clock.ts';
import { createFlyApp, FLY_CALL_DEADLINE_MS, type FlyApp, ROLLOUT_MARKER } from '../../src/fly/fly-app.ts';
import type { RolloutProgress } from '../../src/fly/rollout-progress.ts';
import { createEgress, type Egress } from '../../src/http/egress.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { CONFIG, until } from '../sandbox/fixtures/fly-world.ts';
import { ROLLING } from './policy-fixture.ts';

const PROGRAM = new URL('../sandbox/fixtures/machine.ts', import.meta.url).pathname;
const APP = 'shop';

let fly: Fly;
let egress: Egress;
let app: FlyApp;

before(async () => {
  const authority = await createAuthority('test');
  const machineCommand = ({ env }: { env: Record<string, string> }) => {
    return { command: process.execPath, args: [PROGRAM], env };
  };
  fly = await startFly({ authority, machineCommand });
  await fly.createApp({ name: APP });
  for (const state of ['started', 'started', 'stopped'] as const)
    await fly.addMachine(APP, { config: CONFIG, state });
  egress = createEgress({ ca: [authority.certPem], allowHosts: [], allowLoopback: true });
  app = createFlyApp({
    baseUrl: fly.apiUrl,
    app: APP,
    apiToken: new SecretValue(`${fly.deployToken(APP)}\n`),
    fetch: egress.fetch({ deadlineMs: FLY_CALL_DEADLINE_MS, maxBodyBytes: 1_000_000 }),
    clock: systemClock,
    userAgent: 'tokenbinding-controller/test',
  });
});

after(async () => {
  await egress.close();
  await fly.stop();
});

test('at real rates, a secret reaches every started machine and waits ready in the stopped one', async () => {
  const written = await app.setSecret('TOKEN', new SecretValue('first'));
  const progress = await rollOut(written.secretsVersion);

  assert.equal(progress.state, 'done', progress.failure?.message);
  assert.deepEqual(progress.machines, { total: 3, current: 3, skipped: 0, failed: 0 });
  const machines = fly.machines(APP);
  assert.deepEqual(
    machines.map(({ state }) => state),
    ['started', 'started', 'stopped'],
  );
  assert.deepEqual(
    machines.map(({ updates }) => updates),
    [1, 1, 1],
  );
  for (const { id, config, url } of machines) {
    assert.deepEqual(config.metadata, { [ROLLOUT_MARKER]: `${id}:${written.secretsVersion}` });
    if (url) assert.equal((await environment(url)).TOKEN, 'first');
  }
});

test('an update that was taken back while nobody watched fails the rollout and is not repeated', async () => {
  const { secretsVersion } = await app.setSecret('TOKEN', new SecretValue('second'));
  fly.faults.revertUpdates = 1;
  await assert.rejects(diesAtUpdate(secretsVersion), { name: 'AbortError' });
  await until(() => fly.machines(APP).every(isWell));
  const before = updates();
  const progress = await rollOut(secretsVersion);
  assert.equal(progress.state, 'failed');
  assert.match(progress.failure?.message ?? '', /is back at its previous version/);
  assert.equal((await rollOut(secretsVersion)).state, 'failed');
  assert.deepEqual(updates(), before);
});

test('the next value is tried anew where an update was taken back', async () => {
  const { secretsVersion } = await app.setSecret('TOKEN', new SecretValue('third'));
  const before = updates();
  assert.equal((await rollOut(secretsVersion)).state, 'done');
  assert.deepEqual(
    updates(),
    before.map((count) => count + 1),
  );
});

test('unsetting the secret removes it, twice is no error', async () => {
  await app.unsetSecret('TOKEN');
  await app.unsetSecret('TOKEN');
  assert.deepEqual(fly.secretNames(APP), []);
});

async function rollOut(secretsVersion: number): Promise<RolloutProgress> {
  for (;;) {
    const progress = await app.advanceRollout({ secretsVersion, marker: ROLLOUT_MARKER }, ROLLING);
    if (progress.state === 'waiting') await pause((progress.retryAt ?? 0) - Date.now());
    else if (progress.state !== 'advanced') return progress;
  }
}

/** A rollout whose process ends in the midst of its first update. */
async function diesAtUpdate(secretsVersion: number): Promise<RolloutProgress> {
  const death = new AbortController();
  const unheard = fly.requests.onAdd(({ action }) => {
    if (action === 'updateMachine') death.abort();
  });
  try {
    return await app.advanceRollout({ secretsVersion, marker: ROLLOUT_MARKER }, ROLLING, death.signal);
  } finally {
    unheard();
  }
}

const isWell = ({ state, checks }: MachineInspection) =>
  state === 'stopped' || (state === 'started' && checks.some(({ status }) => status === 'passing'));

const updates = () => fly.machines(APP).map((machine) => machine.updates);

async function environment(url: string): Promise<Record<string, string>> {
  const response = await fetch(`${url}/env`);
  return (await response.json()) as Record<string, string>;
}
