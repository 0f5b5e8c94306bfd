import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observeVersions, wasTakenBack } from '../../src/fly/observed-version.ts';
import { aMachine } from './machine-fixture.ts';

const TARGET = { marker: 'marker', secretsVersion: 7 };
const OLDER = '01KQRY9AA1G8862ADXZH7GRPPK';
const NEWER = '01KQRZ0000000000000000000A';
const machine = (instanceId: string) => aMachine({ instanceId });
const version = (instanceId: string, marker: string) => ({
  version: instanceId,
  user_config: { metadata: { marker } },
});

test('a machine at a version before the one with its marker was put back there', () => {
  const versions = observeVersions([version(NEWER, 'm1:7'), version(OLDER, 'm1:6')]);
  assert.equal(wasTakenBack(machine(OLDER), versions, TARGET), true);
});

test('a machine at a version after the one with its marker was changed by somebody else', () => {
  const versions = observeVersions([version(OLDER, 'm1:7'), version(NEWER, 'm1:6')]);
  assert.equal(wasTakenBack(machine(NEWER), versions, TARGET), false);
});

test('versions with the marker of another machine or of an older target say nothing', () => {
  const versions = observeVersions([version(NEWER, 'm2:7'), version(NEWER, 'm1:6')]);
  assert.equal(wasTakenBack(machine(OLDER), versions, TARGET), false);
});

test('what is not a list of versions is an empty one', () => {
  for (const json of [undefined, null, {}, 'text', [null, 'x', {}, { version: 7 }]]) {
    assert.deepEqual(observeVersions(json), []);
  }
  assert.deepEqual(observeVersions([{ version: OLDER }]), [{ instanceId: OLDER, metadata: new Map() }]);
});
