import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RolloutPolicy } from '../../src/fly/rollout-site.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

const TARGET = { secretsVersion: 7, marker: 'marker', proven: true };
const reload = { path: '/data/token', value: new SecretValue('canary') };
const RELOAD: RolloutPolicy = { ...ROLLING, strategy: 'Reload', reload };
const having = (id: string) => ({ metadata: { marker: `${id}:7` } });

/** An app whose machine m1 has the token and went down by itself; m2 has it, too, or lacks it. */
function appWithIllMachine({ m2 }: { m2: 'has it' | 'lacks it' }): FleetDouble {
  const fly = new FleetDouble();
  fly.exited(fly.add('m1', {}, having('m1')), { exit_code: 1, requested_stop: false }, 'failed');
  fly.add('m2', {}, m2 === 'has it' ? having('m2') : {});
  return fly;
}

test('a machine that goes down when all have the token is told from one that keeps others from it', async () => {
  for (const [m2, complete] of [
    ['has it', true],
    ['lacks it', undefined],
  ] as const) {
    using fly = appWithIllMachine({ m2 });
    const progress = await fly.app().advanceRollout(TARGET, ROLLING);
    assert.deepEqual([progress.state, progress.failedMachine?.id], ['failed', 'm1']);
    assert.equal(progress.complete, complete, `m2 ${m2}`);
    assert.equal(fly.made('update').length, 0);
  }
});

test('a machine whose file cannot be written lacks the token, which is no illness of its own', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  fly.always('exec', { status: 200, body: { exit_code: 1 } });
  const progress = await fly.app().advanceRollout(TARGET, RELOAD);
  assert.deepEqual([progress.state, progress.complete], ['failed', undefined]);
});
