import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Fly, startFly } from '../../sandbox/fly/fly.ts';
import { createAuthority } from '../../sandbox/pki.ts';
import { systemClock } from '../../src/clock.ts';
import { createFlyApp, FLY_CALL_DEADLINE_MS, type FlyApp, ROLLOUT_MARKER } from '../../src/fly/fly-app.ts';
import type { RolloutProgress } from '../../src/fly/rollout-progress.ts';
import { createEgress, type Egress } from '../../src/http/egress.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { CONFIG } from '../sandbox/fixtures/fly-world.ts';
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

async function environment(url: string): Promise<Record<string, string>> {
  const response = await fetch(`${url}/env`);
  return (await response.json()) as Record<string, string>;
}
