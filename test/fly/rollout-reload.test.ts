import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlyApp } from '../../src/fly/fly-app.ts';
import { reloadNoteKey } from '../../src/fly/reload-note.ts';
import type { RolloutProgress } from '../../src/fly/rollout-progress.ts';
import type { RolloutPolicy } from '../../src/fly/rollout-site.ts';
import { SecretValue } from '../../src/secret-value.ts';
import type { Call } from './api-double.ts';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

const TARGET = { secretsVersion: 7, marker: 'marker' };
const PATH = '/run/secrets/token';
const NOTE = reloadNoteKey('marker', PATH);
const TOKEN = 'canary-token-value';
const RELOAD: RolloutPolicy = {
  ...ROLLING,
  strategy: 'Reload',
  reload: { path: PATH, value: new SecretValue(TOKEN) },
};

async function rollOut(fly: FleetDouble, app: FlyApp = fly.app()): Promise<RolloutProgress[]> {
  const steps: RolloutProgress[] = [];
  for (let calls = 0; calls < 40; calls += 1) {
    const progress = await app.advanceRollout(TARGET, RELOAD);
    steps.push(progress);
    if (progress.state === 'waiting' && !progress.failure) {
      await fly.clock.advance((progress.retryAt ?? 0) - fly.clock.now());
    } else if (progress.state !== 'advanced') return steps;
  }
  throw new Error('the rollout does not come to rest');
}

/** A started machine that has been up since long before. */
function addRunning(fly: FleetDouble, ...ids: string[]): void {
  for (const id of ids) {
    const startedAt = fly.clock.now() - 3_600_000;
    fly.add(
      id,
      { events: [{ type: 'start', timestamp: startedAt }] },
      { checks: { alive: { interval: '5s' } } },
    );
  }
}

const commandOf = (call: Call | undefined) => call?.body.command as string[] | undefined;
const written = (fly: FleetDouble) => fly.made('exec').map(({ machine }) => machine);

test('running machines get the value by exec and keep running; those at rest get a new version', async () => {
  using fly = new FleetDouble();
  addRunning(fly, 'm1', 'm2', 'm3');
  fly.add('asleep', { state: 'stopped' });

  const steps = await rollOut(fly);

  assert.equal(steps.at(-1)?.state, 'done');
  assert.deepEqual(written(fly), ['m1', 'm2', 'm3']);
  assert.deepEqual(
    fly.made('update').map(({ machine, body }) => [machine, body.skip_launch]),
    [['asleep', true]],
  );
  for (const id of ['m1', 'm2', 'm3']) assert.equal(fly.machines.get(id)?.instance_id, `${id}v1`);
});

test('the spearhead is written first; the others only when its checks have had time to say no', async () => {
  using fly = new FleetDouble();
  addRunning(fly, 'm1', 'm2');
  const startedAt = fly.clock.now();

  const first = await fly.app().advanceRollout(TARGET, RELOAD);
  assert.deepEqual(first.spearhead, { machineId: 'm1', state: 'proving' });
  assert.ok((first.retryAt ?? 0) <= startedAt + 15_000 + 100, 'looked at again when it is proven, not later');
  assert.deepEqual(written(fly), ['m1']);

  fly.once('exec', ({ machine }) => {
    assert.equal(machine, 'm2');
    assert.ok(fly.clock.now() - startedAt >= 15_000, 'smoke time and one interval of the checks');
    return undefined;
  });
  assert.equal((await rollOut(fly)).at(-1)?.state, 'done');
  assert.deepEqual(written(fly), ['m1', 'm2']);
});

test('a spearhead that gets unwell by the value is given its time, then named; no other is touched', async () => {
  using fly = new FleetDouble();
  addRunning(fly, 'm1', 'm2');
  fly.once('note', ({ machine = '' }) => {
    Object.assign(fly.machines.get(machine) ?? {}, { checks: [{ name: 'alive', status: 'critical' }] });
    return undefined;
  });

  const last = (await rollOut(fly)).at(-1);

  assert.equal(last?.state, 'failed');
  assert.deepEqual(last?.spearhead, { machineId: 'm1', state: 'refused' });
  assert.equal(last?.failedMachine?.id, 'm1');
  assert.deepEqual(written(fly), ['m1']);
});

for (const state of ['started', 'failed', 'stopped']) {
  test(`a spearhead whose process dies of the value, and then is ${state}, ends the rollout`, async () => {
    using fly = new FleetDouble();
    addRunning(fly, 'm1', 'm2');
    fly.once('note', ({ machine: id = '' }) => {
      const machine = fly.machines.get(id);
      if (!machine) return undefined;
      fly.exited(machine, { exit_code: 1 }, state);
      const start = { type: 'start', timestamp: fly.clock.now() + 1 };
      if (state === 'started') machine.events.unshift(start);
      return undefined;
    });

    const last = (await rollOut(fly)).at(-1);

    assert.equal(last?.state, 'failed');
    assert.equal(last?.failedMachine?.id, 'm1');
    assert.deepEqual(written(fly), ['m1']);
    assert.equal(fly.made('update').length, 0);
  });
}

test('the value travels in standard input alone', async () => {
  using fly = new FleetDouble();
  addRunning(fly, 'm1');
  const steps = await rollOut(fly);

  const [exec] = fly.made('exec');
  assert.equal(exec?.body.stdin, TOKEN);
  assert.equal(commandOf(exec)?.at(-1), PATH);
  assert.doesNotMatch(JSON.stringify({ ...exec?.body, stdin: '' }), /canary/);
  const others = fly.calls.filter(({ action }) => action !== 'exec');
  assert.doesNotMatch(JSON.stringify([others, steps]), /canary-token/);
});

test('the note names machine, version, boot and secrets, so that a restart or a clone is written again', async () => {
  using fly = new FleetDouble();
  addRunning(fly, 'm1', 'm2');
  await rollOut(fly);
  const machine = fly.machines.get('m1');
  assert.ok(machine);
  const boot = machine.events[0]?.timestamp;
  assert.match(machine.config.metadata[NOTE] ?? '', new RegExp(`^m1:m1v1:${boot}:7:\\d+$`));
  assert.deepEqual(written(fly), ['m1', 'm2']);

  assert.equal((await rollOut(fly)).length, 1);
  assert.deepEqual(written(fly), ['m1', 'm2'], 'not again');

  fly.started(machine);
  fly.add('m3', {}, { metadata: machine.config.metadata });
  await rollOut(fly);
  assert.deepEqual(written(fly), ['m1', 'm2', 'm1', 'm3']);
});

test('a machine woken after its update holds the value already', async () => {
  using fly = new FleetDouble();
  fly.started(fly.add('m1', {}, { metadata: { marker: 'm1:7' } }));
  assert.equal((await rollOut(fly)).at(-1)?.state, 'done');
  assert.deepEqual(written(fly), []);
});

test('a machine stopped since it was written gets a new version, as its next boot would lack the value', async () => {
  using fly = new FleetDouble();
  addRunning(fly, 'm1', 'm2');
  await rollOut(fly);
  const machine = fly.machines.get('m2');
  if (machine) fly.exited(machine, { exit_code: 0, requested_stop: true });

  await rollOut(fly);

  assert.deepEqual(
    fly.made('update').map(({ machine: id }) => id),
    ['m2'],
  );
});

test('two files of one app have notes of their own', async () => {
  using fly = new FleetDouble();
  addRunning(fly, 'm1');
  await rollOut(fly);
  const other: RolloutPolicy = {
    ...RELOAD,
    reload: { path: '/run/secrets/other', value: new SecretValue('x') },
  };
  const progress = await fly.app().advanceRollout({ ...TARGET, secretsVersion: 6 }, other);
  assert.deepEqual(progress.updatedMachines, ['m1']);
});

test("somebody's lease makes exec impossible: look again later", async () => {
  using fly = new FleetDouble();
  addRunning(fly, 'm1');
  fly.leases.set('m1', 'of a fly deploy');

  const progress = await fly.app().advanceRollout(TARGET, RELOAD);

  assert.equal(progress.state, 'waiting');
  assert.equal(progress.retryAt, fly.clock.now() + 5_000);
  assert.match(progress.failure?.message ?? '', /run a command in machine m1.*HTTP 409/);
  assert.equal(fly.made('note').length, 0);
});

for (const [answer, code] of [
  [{ exit_code: 1, stdout: 'canary', stderr: 'canary' }, 1],
  [{ exit_signal: 9, stdout: 'canary' }, 137],
] as const) {
  test(`a command that ends with ${code} fails the rollout at its machine without a word of its output`, async () => {
    using fly = new FleetDouble();
    addRunning(fly, 'm1', 'm2');
    fly.once('exec', { status: 200, body: answer });

    const progress = await fly.app().advanceRollout(TARGET, RELOAD);

    assert.equal(progress.state, 'failed');
    assert.match(
      progress.failure?.message ?? '',
      new RegExp(`could not write ${PATH} \\(exit code ${code}\\)`),
    );
    assert.equal(progress.failedMachine?.id, 'm1');
    assert.equal(progress.spearhead, undefined, 'nobody has refused the value');
    assert.doesNotMatch(JSON.stringify(progress), /canary/);
    assert.equal(fly.made('note').length, 0);
  });
}

test('an answer that leaves out the zero is a success', async () => {
  using fly = new FleetDouble();
  addRunning(fly, 'm1');
  fly.always('exec', { status: 200, body: { stdout: '' } });
  assert.equal((await rollOut(fly)).at(-1)?.state, 'done');
});

test('a lost answer to the note repeats the write, which harms nobody', async () => {
  using fly = new FleetDouble();
  addRunning(fly, 'm1');
  fly.once('note', () => new Error('socket hang up'));
  await assert.rejects(fly.app().advanceRollout(TARGET, RELOAD), { name: 'FailureError' });
  assert.equal((await rollOut(fly)).at(-1)?.state, 'done');
  assert.deepEqual(written(fly), ['m1', 'm1']);
});
