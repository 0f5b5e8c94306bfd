import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import { CREDENTIAL_LABEL, TOKEN_LABEL } from '../../src/binding/names.ts';
import { connect, type KubernetesClient } from '../../src/kubernetes/client.ts';
import { Secrets } from '../../src/kubernetes/secrets.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { answer, refuse, type Seen, type StandIn, startStandIn } from './stand-in.ts';
import { until } from './until.ts';

const REF = { namespace: 'ns', name: 's' };
const MANIFEST = {
  ref: REF,
  labels: { [TOKEN_LABEL]: 'true' },
  annotations: { a: 'b' },
  ownerReferences: [{ apiVersion: 'g/v1', kind: 'K', name: 'b', uid: 'u', controller: true }],
  data: new Map([['token', new SecretValue('canary')]]),
};
const UPDATE = {
  manager: 'tokenbinding-controller',
  operation: 'Update',
  apiVersion: 'v1',
  fieldsType: 'FieldsV1',
  fieldsV1: { 'f:data': { 'f:token': {} } },
};

let server: StandIn;
let client: KubernetesClient;

beforeEach(async () => {
  server = await startStandIn();
  client = connect(server.kubeConfig, { deadlineMs: 5_000, userAgent: 'test' });
});
afterEach(async () => {
  await client.close();
  await server.stop();
});

function createSecrets(namespaces: string[] = []): Secrets {
  const onError = () => {};
  return new Secrets({ client, namespaces, clock: new FakeClock(), random: () => 0, onError });
}

function secretAt(resourceVersion: number, labels: object, managedFields: object[] = []): object {
  const metadata = { ...REF, uid: 'u1', resourceVersion: String(resourceVersion), labels, managedFields };
  return { kind: 'PartialObjectMetadata', metadata };
}

/** Lists `items` of each label, keeps watches open, and answers writes with ever newer versions. */
function serveSecrets(items: Record<string, object[]>, written: (version: number) => object): void {
  let version = 200;
  server.respond((response, { method, query }) => {
    if (method !== 'GET') {
      version += 1;
      answer(response, written(version));
    } else if (query.has('watch')) response.writeHead(200).flushHeaders();
    else {
      const label = query.get('labelSelector')?.replace('=true', '') ?? '';
      answer(response, { metadata: { resourceVersion: '100' }, items: items[label] ?? [] });
    }
  });
}

async function follow(secrets: Secrets, use: () => Promise<void> | void): Promise<void> {
  secrets.start();
  try {
    await until(() => secrets.hasSynced);
    await use();
  } finally {
    await secrets.stop();
  }
}

const writes = (): Seen[] => server.requests.filter(({ method }) => method !== 'GET');

test('only metadata is asked for: in lists, in watches and in answers to writes', async () => {
  serveSecrets({}, (version) => secretAt(version, MANIFEST.labels));
  const secrets = createSecrets();
  await follow(secrets, async () => {
    await until(() => server.requests.length === 4);
    const created = await secrets.create(MANIFEST);
    await secrets.apply(MANIFEST, created);
  });
  const asked = new Set(server.requests.map(({ headers }) => headers.accept));
  assert.deepEqual(asked, new Set(['PartialObjectMetadataList', 'PartialObjectMetadata'].map(acceptOf)));
});

function acceptOf(kind: string): string {
  return `application/json;as=${kind};g=meta.k8s.io;v=v1`;
}

test('watched namespaces are followed one by one, and nothing else is asked for', async () => {
  serveSecrets({}, () => ({}));
  await follow(createSecrets(['one', 'two', 'one']), () => undefined);
  const paths = new Set(server.requests.map(({ path }) => path));
  assert.deepEqual(paths, new Set(['/api/v1/namespaces/one/secrets', '/api/v1/namespaces/two/secrets']));
});

test('of a Secret with both labels the newer view counts', async () => {
  const labels = { [TOKEN_LABEL]: 'true', [CREDENTIAL_LABEL]: 'true' };
  serveSecrets(
    { [TOKEN_LABEL]: [secretAt(9, labels)], [CREDENTIAL_LABEL]: [secretAt(10, labels)] },
    () => ({}),
  );
  const secrets = createSecrets();
  await follow(secrets, () => assert.equal(secrets.metadata(REF)?.resourceVersion, '10'));
});

test('handlers are told the key, and whether we wrote it ourselves', async () => {
  const told: [string, boolean][] = [];
  serveSecrets({ [TOKEN_LABEL]: [secretAt(9, MANIFEST.labels)] }, (v) => secretAt(v, MANIFEST.labels));
  const secrets = createSecrets();
  secrets.onChange((key, own) => told.push([key, own]));
  await follow(secrets, async () => {
    await secrets.apply(MANIFEST, { uid: 'u1', resourceVersion: '9' });
  });
  assert.deepEqual(told, [
    ['ns/s', false],
    ['ns/s', true],
  ]);
});

test('a steady apply is one request, bound to what was looked at', async () => {
  serveSecrets({ [TOKEN_LABEL]: [secretAt(9, MANIFEST.labels)] }, (v) => secretAt(v, MANIFEST.labels));
  const secrets = createSecrets();
  await follow(secrets, async () => {
    await secrets.apply(MANIFEST, { uid: 'u1', resourceVersion: '9' });
  });
  const [apply, ...more] = writes();
  assert.deepEqual(more, []);
  assert.equal(apply?.headers['content-type'], 'application/apply-patch+yaml');
  assert.deepEqual(Object.fromEntries(apply.query), {
    force: 'true',
    fieldManager: 'tokenbinding-controller',
  });
  assert.deepEqual(apply.body, {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      ...REF,
      uid: 'u1',
      resourceVersion: '9',
      labels: MANIFEST.labels,
      annotations: MANIFEST.annotations,
      ownerReferences: MANIFEST.ownerReferences,
    },
    data: { token: Buffer.from('canary').toString('base64') },
  });
});

test('a Secret that our POST still owns is handed over first, and the apply bound to that version', async () => {
  serveSecrets({ [TOKEN_LABEL]: [secretAt(9, MANIFEST.labels, [UPDATE])] }, (v) =>
    secretAt(v, MANIFEST.labels),
  );
  const secrets = createSecrets();
  await follow(secrets, async () => {
    await secrets.apply(MANIFEST, { uid: 'u1', resourceVersion: '9' });
  });
  const [handOver, apply] = writes();
  assert.deepEqual(handOver?.body, [
    { op: 'replace', path: '/metadata/managedFields', value: [{ ...UPDATE, operation: 'Apply' }] },
    { op: 'replace', path: '/metadata/resourceVersion', value: '9' },
  ]);
  const { metadata } = (apply?.body ?? {}) as { metadata?: { resourceVersion: string } };
  assert.equal(metadata?.resourceVersion, '201');
});

test('a creation whose hand-over fails is still a creation', async () => {
  server.respond((response, { method }) => {
    if (method === 'POST') answer(response, secretAt(5, MANIFEST.labels, [UPDATE]));
    else refuse(response, 500, 'InternalError');
  });
  const created = await createSecrets().create(MANIFEST);
  assert.equal(created.resourceVersion, '5');
  assert.equal(writes().length, 2);
});

test('no value shows in a failed write, nor in what was read', async () => {
  server.respond((response) => refuse(response, 422, 'Invalid'));
  await assert.rejects(createSecrets().create(MANIFEST), (error) => {
    assert.doesNotMatch(inspect(error, { depth: 9 }), /canary|Y2FuYXJ5/);
    return true;
  });
  server.respond((response) => answer(response, { ...secretAt(5, {}), data: { token: 'Y2FuYXJ5' } }));
  const reading = await createSecrets().read(REF);
  assert.equal(reading?.data.get('token')?.reveal(), 'canary');
  assert.doesNotMatch(inspect(reading, { depth: 9 }), /canary|Y2FuYXJ5/);
});

test('a Secret that is not there is no error to read, one that may not be read is', async () => {
  server.respond((response) => refuse(response, 404, 'NotFound'));
  assert.equal(await createSecrets().read(REF), undefined);
  server.respond((response) => refuse(response, 403, 'Forbidden'));
  await assert.rejects(createSecrets().read(REF), { reason: 'Forbidden' });
});
