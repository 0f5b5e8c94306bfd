import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { connect, type KubernetesClient } from '../../src/kubernetes/client.ts';
import { LeaseStore } from '../../src/kubernetes/lease.ts';
import { answer, refuse, type StandIn, startStandIn } from './stand-in.ts';

const AT = Date.UTC(2026, 0, 15, 10, 30, 17, 50);
const RECORD = {
  holderIdentity: 'pod-1',
  leaseDurationSeconds: 15,
  acquireTime: AT,
  renewTime: AT + 2_000,
  leaseTransitions: 3,
};

let server: StandIn;
let client: KubernetesClient;
let store: LeaseStore;

beforeEach(async () => {
  server = await startStandIn();
  client = connect(server.kubeConfig, { deadlineMs: 60_000, userAgent: 'test' });
  store = new LeaseStore(client, { namespace: 'ns', name: 'leader' });
});
afterEach(async () => {
  await client.close();
  await server.stop();
});

const answerWith = (lease: object) => server.respond((response) => answer(response, lease));

test('times are written with the six digits that the API server insists on', async () => {
  answerWith({ metadata: { resourceVersion: '7' }, spec: {} });
  await store.create(RECORD);
  const [{ method, path, body } = { method: '', path: '', body: {} }] = server.requests;
  assert.deepEqual([method, path], ['POST', '/apis/coordination.k8s.io/v1/namespaces/ns/leases']);
  assert.deepEqual(body, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { namespace: 'ns', name: 'leader' },
    spec: {
      ...RECORD,
      acquireTime: '2026-01-15T10:30:17.050000Z',
      renewTime: '2026-01-15T10:30:19.050000Z',
    },
  });
});

test('what was written is read back the same', async () => {
  server.respond((response, { body }) => {
    const { spec } = body as { spec: object };
    answer(response, { metadata: { resourceVersion: '8' }, spec });
  });
  assert.deepEqual(await store.update({ ...RECORD, resourceVersion: '7' }), {
    ...RECORD,
    resourceVersion: '8',
  });
});

test('labels and annotations of others survive an update', async () => {
  const labels = { theirs: 'yes' };
  answerWith({ metadata: { resourceVersion: '7', labels }, spec: {} });
  await store.get();
  await store.update({ ...RECORD, resourceVersion: '7' });
  const { metadata } = (server.requests[1]?.body ?? {}) as { metadata?: object };
  assert.deepEqual(metadata, {
    namespace: 'ns',
    name: 'leader',
    resourceVersion: '7',
    labels,
    annotations: {},
  });
});

test('a Lease that somebody emptied reads as held by nobody and long expired', async () => {
  answerWith({ metadata: { resourceVersion: '7' }, spec: { renewTime: 'never' } });
  const nothing = {
    holderIdentity: '',
    leaseDurationSeconds: 0,
    acquireTime: 0,
    renewTime: 0,
    leaseTransitions: 0,
  };
  assert.deepEqual(await store.get(), { ...nothing, resourceVersion: '7' });
});

test('no Lease is no error to read, a failure is', async () => {
  server.respond((response) => refuse(response, 404, 'NotFound'));
  assert.equal(await store.get(), undefined);
  server.respond((response) => refuse(response, 500, 'InternalError'));
  await assert.rejects(store.get(), { status: 500 });
});

test('a call that hangs fails after 5 s, whatever the deadline of other calls', async () => {
  server.respond(() => undefined);
  const startedAt = performance.now();
  await assert.rejects(store.get(), { status: 0, reason: 'DeadlineExceeded' });
  const elapsed = performance.now() - startedAt;
  assert.ok(elapsed > 4_900 && elapsed < 9_000, `${elapsed} ms`);
});
