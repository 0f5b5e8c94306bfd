import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RolloutPolicy } from '../../src/fly/rollout-site.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { FleetDouble, type FleetMachine } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

const TARGET = { secretsVersion: 7, marker: 'marker' };
const FAILING = [{ name: 'alive', status: 'critical' }];
const OF_THE_PROXY = { requested_stop: true, exit_code: 0 };
const CRASH = { requested_stop: false, exit_code: 1 };

/** Has machines run with the target, and not be well with it. */
function fallIll(fly: FleetDouble): void {
  fly.boot = (machine) => {
    fly.started(machine);
    machine.checks = FAILING;
  };
}

async function updatedBy(fly: FleetDouble, policy: RolloutPolicy = ROLLING, target = TARGET) {
  const { updatedMachines = [] } = await fly.app().advanceRollout(target, policy);
  return updatedMachines.join();
}

describe('a target that no machine was seen to run well with', () => {
  it('is tried at one that serves, then given to those at rest, and last to the ill, which prove nothing', async () => {
    using fly = new FleetDouble();
    fly.add('ill', { checks: FAILING });
    fly.add('well');
    fly.add('asleep', { state: 'stopped' });
    const order = [await updatedBy(fly), await updatedBy(fly), await updatedBy(fly)];
    assert.deepEqual(order, ['well', 'asleep', 'ill']);
  });

  it('reaches no second machine when the first is stopped before that was seen', async () => {
    using fly = new FleetDouble();
    const first = fly.add('m1');
    fly.add('m2');
    fallIll(fly);
    assert.equal(await updatedBy(fly), 'm1');
    fly.exited(first, OF_THE_PROXY);
    const { state } = await fly.app().advanceRollout(TARGET, ROLLING);
    assert.equal(state, 'waiting');

    await fly.clock.advance(ROLLING.machineTimeoutMs);
    const { spearhead, failure } = await fly.app().advanceRollout(TARGET, ROLLING);
    assert.deepEqual(spearhead, { machineId: 'm1', state: 'refused' });
    assert.match(failure?.message ?? '', /machine m1 was stopped before it was seen to be healthy/);
    assert.equal(fly.made('update').length, 1);
  });

  it('is not refused by a machine that is suspended while it boots', async () => {
    using fly = new FleetDouble();
    fly.add('m1');
    fly.boot = (machine) => {
      Object.assign(machine, {
        state: 'suspended',
        events: [{ type: 'suspend', timestamp: fly.clock.now() }],
      });
    };
    assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
  });

  it('is not refused by one at rest that traffic wakes, and that ends in peace before it is looked at', async () => {
    using fly = new FleetDouble();
    const machine = fly.add('m1', { state: 'stopped' });
    fly.once('wait', () => {
      fly.started(machine);
      machine.events = [{ type: 'start', timestamp: fly.clock.now() - 15_000 }];
      fly.exited(machine, { requested_stop: false, exit_code: 0 });
      return undefined;
    });
    assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
  });

  it('is tried at an ill one that runs before one that is down, when none serves', async () => {
    using fly = new FleetDouble();
    fly.add('down', { state: 'failed' });
    fly.add('ill', { checks: FAILING });
    assert.equal(await updatedBy(fly), 'ill');
  });
});

describe('a target that a machine was seen to run well with', () => {
  const proven = { ...TARGET, proven: true };

  it('is told from one that was not, so that this can be remembered', async () => {
    using fly = new FleetDouble();
    for (const id of ['m1', 'm2', 'm3']) fly.add(id);
    fallIll(fly);
    const unseen = await fly.app().advanceRollout(TARGET, ROLLING);
    for (const machine of fly.machines.values()) fly.started(machine);
    const seen = await fly.app().advanceRollout(TARGET, ROLLING);
    assert.deepEqual([unseen.proven, seen.proven], [false, true]);
  });

  it('is not refused when all machines fall ill at once, as for something that they share', async () => {
    using fly = new FleetDouble();
    fly.add('m1');
    fly.add('m2');
    assert.equal(await updatedBy(fly), 'm1');
    for (const machine of fly.machines.values()) machine.checks = FAILING;
    await fly.clock.advance(ROLLING.machineTimeoutMs);
    const progress = await fly.app().advanceRollout(proven, ROLLING);
    assert.deepEqual([progress.state, progress.spearhead], ['failed', undefined]);
  });

  it('goes on to the next machine when the first is stopped', async () => {
    using fly = new FleetDouble();
    const first = fly.add('m1');
    fly.add('m2');
    assert.equal(await updatedBy(fly), 'm1');
    fly.exited(first, OF_THE_PROXY);
    assert.equal(await updatedBy(fly, ROLLING, proven), 'm2');
  });
});

describe('a machine that went down with a token of ours', () => {
  const crash = (fly: FleetDouble) => (machine: FleetMachine) => {
    fly.started(machine);
    fly.exited(machine, CRASH);
  };

  it('is started with the next one: its restart policy had given up, nobody had stopped it', async () => {
    using fly = new FleetDouble();
    fly.add('m1');
    fly.boot = crash(fly);
    assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'failed');
    fly.boot = (machine) => fly.started(machine);
    await fly.app().advanceRollout({ ...TARGET, secretsVersion: 8, only: 'm1' } as typeof TARGET, ROLLING);
    assert.equal(fly.machines.get('m1')?.state, 'started');
  });

  it('stays down when it crashed before it had any token of ours', async () => {
    using fly = new FleetDouble();
    const machine = fly.add('m1');
    fly.exited(machine, CRASH);
    await updatedBy(fly);
    assert.equal(fly.machines.get('m1')?.state, 'stopped');
  });
});

describe('a machine that crashed once, was started again and then put to sleep', () => {
  const sleepy = (fly: FleetDouble) => {
    const machine = fly.add('m1', {}, { metadata: { marker: 'm1:6' } });
    fly.exited(machine, CRASH);
    machine.events.unshift({ type: 'start', timestamp: fly.clock.now() + 1_000 });
    machine.state = 'suspended';
    return machine;
  };

  it('is not started with the next token', async () => {
    using fly = new FleetDouble();
    sleepy(fly);
    await updatedBy(fly);
    assert.equal(fly.made('update')[0]?.body.skip_launch, true);
  });

  it('is no proof against the one that it has', async () => {
    using fly = new FleetDouble();
    sleepy(fly);
    const { state } = await fly.app().advanceRollout({ ...TARGET, secretsVersion: 6 }, ROLLING);
    assert.equal(state, 'done');
  });
});

describe('with Reload, a machine that restarted', () => {
  it('gets its file again though another one is broken', async () => {
    using fly = new FleetDouble();
    fly.add('m1', { state: 'failed' }, { metadata: { marker: 'm1:7' } });
    fly.add('m2');
    const reload = { path: '/run/token', value: new SecretValue('canary-value') };
    const policy = { ...ROLLING, strategy: 'Reload' as const, reload };
    assert.equal(await updatedBy(fly, policy, { ...TARGET, proven: true } as typeof TARGET), 'm2');
  });
});

describe('a machine that Fly starts at intervals', () => {
  it('may end in a moment, and that ends no rollout', async () => {
    using fly = new FleetDouble();
    fly.add('m1');
    const job = fly.add('m2', { state: 'stopped' }, { schedule: 'hourly' });
    assert.deepEqual([await updatedBy(fly), await updatedBy(fly)], ['m1', 'm2']);
    fly.started(job);
    fly.exited(job, { requested_stop: false, exit_code: 0 });
    assert.equal((await fly.app().advanceRollout(TARGET, ROLLING)).state, 'done');
  });
});
