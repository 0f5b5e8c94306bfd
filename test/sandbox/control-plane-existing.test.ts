import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import {
  type CommandResult,
  type ControlPlane,
  openControlPlane,
  resolveBinaries,
  startControlPlane,
} from '../../sandbox/control-plane/index.ts';

let plane: ControlPlane;
before(async () => {
  const binaries = await resolveBinaries(process.env, { progress: process.stderr });
  plane = await startControlPlane({ binaries });
});
after(() => plane.stop());

/** What a command printed, for a command that must succeed. */
async function output(result: Promise<CommandResult>): Promise<string> {
  const { stdout, stderr, code } = await result;
  assert.equal(code, 0, stderr);
  return stdout;
}

test('an existing cluster is used through the current context and left running', async () => {
  const env = { ...process.env, USE_EXISTING_CLUSTER: 'true', KUBECONFIG: plane.adminKubeconfig };
  const existing = await openControlPlane(env, { progress: process.stderr });
  assert.equal(existing.url, plane.url);
  assert.equal(existing.caPem, plane.caPem);
  await output(existing.kubectl(['create', 'serviceaccount', 'guest']));
  const kubeconfig = await existing.kubeconfigFor({ namespace: 'default', serviceAccount: 'guest' });
  assert.match(await output(existing.kubectl(['auth', 'whoami'], { kubeconfig })), /default:guest/);
  for (const impossible of [existing.stopApiServer, existing.startApiServer, existing.compact]) {
    await assert.rejects(impossible(), /not ours \(USE_EXISTING_CLUSTER\)/);
  }
  await existing.stop();
  assert.equal(existsSync(kubeconfig), false);
  await output(plane.kubectl(['get', 'serviceaccount', 'guest']));
});

test('a missing context is reported with a message that names the variables', async () => {
  const env = { ...process.env, USE_EXISTING_CLUSTER: 'true', KUBECONFIG: '/nowhere/config' };
  await assert.rejects(openControlPlane(env, { progress: process.stderr }), /set KUBECONFIG, or unset/);
});
