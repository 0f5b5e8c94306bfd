import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launchConfig } from '../../sandbox/fly/launch-config.ts';
import { CONFIG } from './fixtures/fly-world.ts';

test('a machine of Fly Launch says so in its metadata, next to what is there', () => {
  const { metadata } = launchConfig('app', { ...CONFIG, metadata: { own: '1' } });
  const { own, fly_platform_version, fly_process_group } = metadata as Record<string, string>;
  assert.deepEqual([own, fly_platform_version, fly_process_group], ['1', 'v2', 'app']);
});

test('a canary and the halves of a blue-green deploy serve like the app', () => {
  for (const role of ['canary', 'green', 'retiring'] as const) {
    const { checks, auto_destroy } = launchConfig(role, CONFIG);
    assert.equal(checks, CONFIG.checks);
    assert.equal(auto_destroy, undefined);
  }
});

test('release command, test command and console are without checks and destroy themselves', () => {
  for (const role of ['releaseCommand', 'oldReleaseCommand', 'testCommand', 'console'] as const) {
    const { checks, services, auto_destroy } = launchConfig(role, { ...CONFIG, services: [{}] });
    assert.deepEqual([checks, services, auto_destroy], [undefined, undefined, true]);
  }
});
