import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { FINALIZER, TOKEN_LABEL } from '../../src/binding/names.ts';
import type { TokenBinding, TokenBindingStatus } from '../../src/binding/token-binding.ts';
import { systemClock } from '../../src/clock.ts';
import { referenceTo, TokenBindings } from '../../src/kubernetes/bindings.ts';
import { EventRecorder } from '../../src/kubernetes/events.ts';
import { LeaseStore } from '../../src/kubernetes/lease.ts';
import type { SecretManifest } from '../../src/kubernetes/secret-manifest.ts';
import { Secrets } from '../../src/kubernetes/secrets.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { type LiveCluster, startLiveCluster } from './live-cluster.ts';
import { until } from './until.ts';

const OTHER_UID = 'b2c6a2c2-0000-4000-8000-000000000000';
const CONFLICT = { name: 'ApiError', status: 409, reason: 'Conflict' };

let cluster: LiveCluster;
let secrets: Secrets;
let bindings: TokenBindings;

before(async () => {
  cluster = await startLiveCluster();
});
after(() => cluster.stop());
beforeEach(async () => {
  secrets = new Secrets(cluster.cache);
  bindings = new TokenBindings(cluster.cache);
  secrets.start();
  bindings.start();
  await until(() => secrets.hasSynced && bindings.hasSynced);
});
afterEach(async () => {
  await secrets.stop();
  await bindings.stop();
});

function manifest(name: string, value: string, more: Partial<SecretManifest> = {}): SecretManifest {
  return {
    ref: { namespace: 'team-a', name },
    labels: { [TOKEN_LABEL]: 'true' },
    annotations: {},
    ownerReferences: [],
    data: new Map([['token', new SecretValue(value)]]),
    ...more,
  };
}

async function stored(name: string) {
  return JSON.parse(await cluster.kubectl(`get secret ${name} -o json --show-managed-fields`));
}

async function tokenIn(name: string): Promise<string | undefined> {
  const reading = await secrets.read({ namespace: 'team-a', name });
  return reading?.data.get('token')?.reveal();
}

async function createBinding(name: string): Promise<TokenBinding> {
  await cluster.kubectl('create -f -', {
    apiVersion: 'tokenbinding.erauner.dev/v1alpha1',
    kind: 'TokenBinding',
    metadata: { name },
    spec: {
      source: { auth0: { domain: 'acme.eu.auth0.com', audience: 'https://api.acme.dev' } },
      clientAuthentication: { clientSecret: { secretRef: { name: 'm2m' } } },
      secret: { name: `${name}-token` },
    },
  });
  await until(() => bindings.get(`team-a/${name}`) !== undefined);
  return known(name);
}

function known(name: string): TokenBinding {
  const binding = bindings.get(`team-a/${name}`);
  assert.ok(binding, `binding ${name} in the cache`);
  return binding;
}

test('a key and a label that we stop stating go, those of others stay', async () => {
  const data = new Map([
    ['token', new SecretValue('one')],
    ['expires_at', new SecretValue('soon')],
  ]);
  const labels = { [TOKEN_LABEL]: 'true', ours: 'yes' };
  const { ref } = await secrets.create(manifest('dropping', 'one', { data, labels }));
  await cluster.kubectl('label secret dropping theirs=yes');
  await until(() => secrets.metadata(ref)?.labels.theirs === 'yes');
  const seen = secrets.metadata(ref);
  assert.ok(seen);
  await secrets.apply(manifest('dropping', 'two'), seen);
  const left = await stored('dropping');
  assert.deepEqual(left.data, { token: Buffer.from('two').toString('base64') });
  assert.deepEqual(left.metadata.labels, { [TOKEN_LABEL]: 'true', theirs: 'yes' });
});

test('a Secret whose creation was cut off before its hand-over is handed over by the next apply', async () => {
  const { ref } = manifest('cut-off', 'one');
  const body = {
    type: 'Opaque',
    metadata: { name: 'cut-off', labels: { [TOKEN_LABEL]: 'true', old: 'yes' } },
  };
  await cluster.kubectl('create --field-manager=tokenbinding-controller -f -', {
    apiVersion: 'v1',
    kind: 'Secret',
    ...body,
  });
  await until(() => secrets.metadata(ref)?.awaitingHandOver !== undefined);
  const seen = secrets.metadata(ref);
  assert.ok(seen);
  const applied = await secrets.apply(manifest('cut-off', 'one'), seen);
  assert.equal(applied.awaitingHandOver, undefined);
  assert.deepEqual(applied.labels, { [TOKEN_LABEL]: 'true' });
});

test('creating never touches a Secret that is there already', async () => {
  await cluster.kubectl('create secret generic foreign --from-literal=token=theirs');
  await assert.rejects(secrets.create(manifest('foreign', 'ours')), { reason: 'AlreadyExists' });
  assert.equal(await tokenIn('foreign'), 'theirs');
});

test('an apply is refused when the Secret has changed, is another one, or is gone', async () => {
  const created = await secrets.create(manifest('bound', 'one'));
  const changed = await secrets.apply(manifest('bound', 'two'), created);
  await assert.rejects(secrets.apply(manifest('bound', 'three'), created), CONFLICT);
  await cluster.kubectl('delete secret bound');
  await assert.rejects(secrets.apply(manifest('bound', 'four'), changed), CONFLICT);
  await secrets.create(manifest('bound', 'anew'));
  await assert.rejects(secrets.apply(manifest('bound', 'five'), changed), CONFLICT);
  assert.equal(await tokenIn('bound'), 'anew');
});

test('a write shows in the cache before the watch tells it, and without its values', async () => {
  const created = await secrets.create(manifest('seen', 'canary-value'));
  assert.deepEqual(secrets.metadata(created.ref), created);
  assert.doesNotMatch(JSON.stringify(created), /canary-value|Y2FuYXJ5/);
});

test('an unlabelled Secret is not cached but can be read', async () => {
  await cluster.kubectl('create secret generic plain --from-literal=token=x');
  assert.equal(await tokenIn('plain'), 'x');
  assert.equal(secrets.metadata({ namespace: 'team-a', name: 'plain' }), undefined);
  assert.equal(await secrets.read({ namespace: 'team-a', name: 'nothing' }), undefined);
});

const STATUS: TokenBindingStatus = { observedGeneration: 1, deliveries: [], cleanups: [], conditions: [] };

test('a status is replaced as a whole, and a status write does not conflict with an edit', async () => {
  const binding = await createBinding('replaced');
  const ref = { namespace: 'team-a', name: 'replaced' };
  await bindings.patchStatus(ref, binding.metadata.uid, {
    ...STATUS,
    nextRefreshTime: '2030-01-01T00:00:00Z',
  });
  await cluster.kubectl('annotate tb replaced tokenbinding.erauner.dev/refresh-requested-at=now');
  const after = await bindings.patchStatus(ref, binding.metadata.uid, STATUS);
  assert.deepEqual(after.status, STATUS);
  assert.deepEqual(known('replaced').status, STATUS);
});

test('a status is not written to a binding that only bears the same name', async () => {
  const binding = await createBinding('namesake');
  await assert.rejects(bindings.patchStatus(binding.metadata, OTHER_UID, STATUS), { reason: 'Invalid' });
  await cluster.kubectl('delete tb namesake');
  await assert.rejects(bindings.patchStatus(binding.metadata, binding.metadata.uid, STATUS), {
    reason: 'NotFound',
  });
});

test('a finalizer is added and removed beside those of others, and only on the version looked at', async () => {
  const binding = await createBinding('final');
  const added = await bindings.addFinalizer(binding);
  assert.deepEqual(added.metadata.finalizers, [FINALIZER]);
  await assert.rejects(bindings.addFinalizer(binding), CONFLICT);
  await cluster.kubectl(
    'patch tb final --type=json -p [{"op":"add","path":"/metadata/finalizers/-","value":"a.b/c"}]',
  );
  await cluster.kubectl('delete tb final --wait=false');
  await until(() => known('final').metadata.deletionTimestamp !== undefined);
  const removed = await bindings.removeFinalizer(known('final'));
  assert.deepEqual(removed.metadata.finalizers, ['a.b/c']);
  await cluster.kubectl('patch tb final --type=json -p [{"op":"remove","path":"/metadata/finalizers"}]');
  await until(() => bindings.get('team-a/final') === undefined);
});

test('an event is found by kubectl describe', async () => {
  const binding = await createBinding('told');
  const onError = assert.fail;
  const events = new EventRecorder({ ...cluster.cache, instance: 'pod-1', onError });
  events.record(referenceTo(binding), {
    type: 'Warning',
    reason: 'Tried',
    action: 'Try',
    note: 'It was tried.',
  });
  await events.flush(5_000);
  assert.match(
    await cluster.kubectl('describe tb told'),
    /Warning\s+Tried\s+.*tokenbinding-controller\s+It was tried\./,
  );
});

test('a Lease is created once, and updated only from the version last seen', async () => {
  const store = new LeaseStore(cluster.client, { namespace: 'team-a', name: 'leader' });
  assert.equal(await store.get(), undefined);
  const times = { acquireTime: systemClock.now(), renewTime: systemClock.now() };
  const record = { holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0, ...times };
  const created = await store.create(record);
  await assert.rejects(store.create(record), { status: 409 });
  await cluster.kubectl('label lease leader theirs=yes');
  await assert.rejects(store.update({ ...created, holderIdentity: 'b' }), CONFLICT);
  const seen = await store.get();
  assert.ok(seen);
  const released = await store.update({ ...seen, holderIdentity: '' });
  assert.deepEqual(await store.get(), released);
  assert.deepEqual(
    { ...released, resourceVersion: '' },
    { ...record, holderIdentity: '', resourceVersion: '' },
  );
  assert.match(await cluster.kubectl('get lease leader --show-labels'), /theirs=yes/);
});

test('caches catch up after the history was compacted away', { timeout: 120_000 }, async () => {
  const { metadata } = await createBinding('survivor');
  await cluster.plane.compact();
  await cluster.kubectl('annotate tb survivor after=compaction');
  await until(() => known('survivor').metadata.annotations?.after === 'compaction', 'caught up', 60_000);
  assert.equal(known('survivor').metadata.uid, metadata.uid);
});
