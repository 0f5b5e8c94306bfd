import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetDouble } from './fleet-double.ts';
import { ROLLING } from './policy-fixture.ts';

const MARKER = 'marker';
const target = (secretsVersion: number, floor: number) => ({ secretsVersion, floor, marker: MARKER });

test('an update is made with the latest version of the secrets, and serves all who wrote one', async () => {
  using fly = new FleetDouble();
  fly.add('m1');
  const app = fly.app();
  assert.equal((await app.advanceRollout(target(7, 9), ROLLING)).state, 'done');
  const [update] = fly.made('update');
  assert.equal(update?.body.min_secrets_version, 9);
  for (const own of [7, 8, 9])
    assert.equal((await app.advanceRollout(target(own, 9), ROLLING)).updatedMachines, undefined);
  assert.equal(fly.made('update').length, 1);
});

test("another's later write, which that brings to machines in its own way, is no reason for an update", async () => {
  using fly = new FleetDouble();
  fly.add('m1', {}, { metadata: { [MARKER]: 'm1:7' } });
  assert.equal((await fly.app().advanceRollout(target(7, 12), ROLLING)).state, 'done');
  assert.equal(fly.made('update').length, 0);
});
