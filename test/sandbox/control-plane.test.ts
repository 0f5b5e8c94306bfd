import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import {
  type CommandResult,
  type ControlPlane,
  resolveBinaries,
  startControlPlane,
} from '../../sandbox/control-plane/index.ts';
import { until } from '../support/until.ts';

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

/** The response to a watch, with the admin's client certificate. */
async function watchConfigMaps(resourceVersion: string): Promise<IncomingMessage> {
  const { user } = JSON.parse(await readFile(plane.adminKubeconfig, 'utf8')).users[0];
  const query = `watch=1&timeoutSeconds=30&resourceVersion=${resourceVersion}`;
  const request = get(`${plane.url}/api/v1/namespaces/default/configmaps?${query}`, {
    ca: plane.caPem,
    cert: Buffer.from(user['client-certificate-data'], 'base64'),
    key: Buffer.from(user['client-key-data'], 'base64'),
  });
  const [response] = await once(request, 'response');
  return response;
}

function configMap(name: string, metadata: object = {}): { input: string } {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata } };
  return { input: JSON.stringify(object) };
}

test('answers with a certificate of its own authority', async () => {
  const [response] = await once(get(`${plane.url}/readyz`, { ca: plane.caPem }), 'response');
  response.resume();
  assert.equal(response.statusCode, 200);
});

test('runs the versions that were built', async () => {
  const { serverVersion } = JSON.parse(await output(plane.kubectl(['version', '-o', 'json'])));
  assert.match(serverVersion.gitVersion, /^v1\.\d+\.\d+$/);
  assert.match(await output(plane.helm(['version', '--short'])), /^v4\.\d+\.\d+/);
  assert.equal(await output(plane.helm(['list', '-q'])), '');
});

test('gives a ServiceAccount a kubeconfig and exactly the rights that RBAC grants', async () => {
  await output(plane.kubectl(['create', 'serviceaccount', 'reader']));
  const kubeconfig = await plane.kubeconfigFor({ namespace: 'default', serviceAccount: 'reader' });
  const asReader = (...args: string[]) => plane.kubectl(args, { kubeconfig });
  assert.match(await output(asReader('auth', 'whoami')), /system:serviceaccount:default:reader/);
  const refused = await asReader('get', 'configmaps');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /Forbidden/);

  const binding = ['create', 'rolebinding', 'reader', '--clusterrole=view'];
  await output(plane.kubectl([...binding, '--serviceaccount=default:reader']));
  // The server learns of new rights by a watch of its own.
  await until(async () => (await asReader('get', 'configmaps')).code === 0, 'the right is granted');
  assert.match((await asReader('get', 'secrets')).stderr, /Forbidden/);
});

test('says which ServiceAccount is missing', async () => {
  const account = { namespace: 'default', serviceAccount: 'nobody' };
  await assert.rejects(plane.kubeconfigFor(account), /ServiceAccount default\/nobody.*not found/s);
});

test('collects an object whose owner was deleted', async () => {
  await output(plane.kubectl(['create', '-f', '-'], configMap('owner')));
  const uid = await output(plane.kubectl(['get', 'cm', 'owner', '-o', 'jsonpath={.metadata.uid}']));
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid };
  await output(plane.kubectl(['create', '-f', '-'], configMap('owned', { ownerReferences: [owner] })));
  await output(plane.kubectl(['delete', 'cm', 'owner']));
  const isGone = async () => (await plane.kubectl(['get', 'cm', 'owned'])).stderr.includes('NotFound');
  await until(isGone, 'the owned object is collected');
});

test('finishes the deletion of a namespace', async () => {
  await output(plane.kubectl(['create', 'namespace', 'passing']));
  await output(plane.kubectl(['delete', 'namespace', 'passing', '--timeout=60s']));
});

test('keeps its data and address over a restart of the API server', async () => {
  await output(plane.kubectl(['create', '-f', '-'], configMap('kept')));
  await plane.stopApiServer();
  assert.notEqual((await plane.kubectl(['get', 'cm', 'kept'])).code, 0);
  await plane.startApiServer();
  await output(plane.kubectl(['get', 'cm', 'kept']));
});

test('answers 410 to a watch from before a compaction and breaks running watches', async () => {
  const created = await output(plane.kubectl(['create', '-f', '-', '-o', 'json'], configMap('first')));
  const { resourceVersion } = JSON.parse(created).metadata;
  const running = await watchConfigMaps(resourceVersion);
  await output(plane.kubectl(['create', '-f', '-'], configMap('second')));
  const [event] = await once(running, 'data');
  assert.match(String(event), /"type":"ADDED".*"name":"second"/);

  const broken = new Promise((resolve) => running.once('error', resolve));
  await plane.compact();
  await broken;
  assert.match(await text(await watchConfigMaps(resourceVersion)), /"code":410/);
  await output(plane.kubectl(['get', 'cm', 'second']));
});

test('kills a command at its deadline', async () => {
  const { code } = await plane.kubectl(['get', 'cm', '--watch'], { deadlineMs: 1000 });
  assert.equal(code, 137);
});
