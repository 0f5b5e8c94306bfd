import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { FINALIZER } from '../../src/binding/names.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { referenceTo, TokenBindings } from '../../src/kubernetes/bindings.ts';
import { connect, type KubernetesClient } from '../../src/kubernetes/client.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Collection } from './collection.ts';
import { answer, object } from './stand-in.ts';
import { until } from './until.ts';

let collection: Collection;
let client: KubernetesClient;
let bindings: TokenBindings;

beforeEach(async () => {
  collection = await Collection.start();
  client = connect(collection.server.kubeConfig, { deadlineMs: 5_000, userAgent: 'test' });
  const onError = () => {};
  bindings = new TokenBindings({ client, namespaces: [], clock: new FakeClock(), random: () => 0, onError });
});
afterEach(async () => {
  await bindings.stop();
  await client.close();
  await collection.server.stop();
});

/** A whole binding as the API server sends it. */
function whole(version: number, metadata: object = {}, status?: object) {
  const { metadata: named } = object('b', version);
  const managedFields = [{ manager: 'kubectl' }] as never;
  const more = { generation: 1, managedFields, ...metadata };
  return {
    metadata: { ...named, ...more },
    spec: { suspend: false },
    ...(status === undefined ? {} : { status }),
  };
}

async function follow(item: ReturnType<typeof whole>): Promise<TokenBinding> {
  collection.items = [item];
  bindings.start();
  await until(() => collection.streams.length === 1);
  const binding = bindings.get('ns/b');
  assert.ok(binding);
  return binding;
}

test('of a binding is kept what is looked at, not who wrote it nor what kubectl copied', async () => {
  const annotations = { mine: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
  const binding = await follow(whole(7, { annotations, labels: { a: 'b' }, finalizers: ['f'] }));
  assert.deepEqual(binding, {
    apiVersion: 'tokenbinding.erauner.dev/v1alpha1',
    kind: 'TokenBinding',
    metadata: {
      name: 'b',
      namespace: 'ns',
      uid: 'uid-b',
      resourceVersion: '7',
      generation: 1,
      annotations: { mine: 'x' },
      finalizers: ['f'],
    },
    spec: { suspend: false },
  });
  assert.equal(collection.seen('list')[0]?.path, '/apis/tokenbinding.erauner.dev/v1alpha1/tokenbindings');
});

test('a change by others that first shows in the answer to our write is told', async () => {
  const told: (number | undefined)[][] = [];
  await follow(whole(7));
  bindings.onChange((_key, previous, current) => {
    told.push([previous?.metadata.generation, current?.metadata.generation]);
  });
  collection.next('list', (response) =>
    answer(response, whole(9, { generation: 2 }, { observedGeneration: 1 })),
  );
  const status = { observedGeneration: 1, deliveries: [], cleanups: [], conditions: [] };
  await bindings.patchStatus({ namespace: 'ns', name: 'b' }, 'uid-b', status);
  assert.deepEqual(told, [[1, 2]]);
  collection.send('MODIFIED', whole(8, { generation: 2 }));
  collection.send('MODIFIED', whole(10, { generation: 2 }));
  await until(() => told.length === 2);
  assert.deepEqual(told, [
    [1, 2],
    [2, 2],
  ]);
});

test('our finalizer is added once, beside those of others', async () => {
  const binding = await follow(whole(7, { finalizers: ['theirs', FINALIZER] }));
  collection.next('list', (response) => answer(response, whole(8)));
  await bindings.addFinalizer(binding);
  assert.deepEqual(collection.server.requests.at(-1)?.body, {
    metadata: { uid: 'uid-b', resourceVersion: '7', finalizers: ['theirs', FINALIZER] },
  });
});

test('our finalizer is removed alone', async () => {
  const binding = await follow(whole(7, { finalizers: ['theirs', FINALIZER] }));
  collection.next('list', (response) => answer(response, whole(8)));
  await bindings.removeFinalizer(binding);
  assert.deepEqual(collection.server.requests.at(-1)?.body, {
    metadata: { uid: 'uid-b', resourceVersion: '7', finalizers: ['theirs'] },
  });
});

test('an event can refer to a binding', async () => {
  assert.deepEqual(referenceTo(await follow(whole(7))), {
    apiVersion: 'tokenbinding.erauner.dev/v1alpha1',
    kind: 'TokenBinding',
    namespace: 'ns',
    name: 'b',
    uid: 'uid-b',
  });
});
