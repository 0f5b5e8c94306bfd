import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { type CrdCluster, startCrdCluster } from './crd-cluster.ts';

const FILES = readdirSync('examples').map((file) => `examples/${file}`);

let cluster: CrdCluster;

before(async () => {
  cluster = await startCrdCluster();
  await cluster.kubectl('create', 'namespace', 'toolbridge');
});
after(() => cluster.stop());

interface Delivery {
  readonly fly: { readonly app: string; readonly rollout: { readonly strategy: string } };
}

const objectsIn = (file: string) =>
  parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS());

for (const file of FILES) {
  test(`every object of ${file} is taken by the API server, with no field that it does not know`, async () => {
    const objects = objectsIn(file);
    const answer = await cluster.kubectl(
      ...['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', file],
    );
    const taken = answer.match(/serverside-applied \(server dry run\)/g) ?? [];
    assert.equal(taken.length, objects.length, answer);
    assert.doesNotMatch(answer, /error|warning|invalid/i);
  });
}

test('no two examples write the same binding or the same token Secret', () => {
  const bindings = FILES.flatMap(objectsIn).filter(({ kind }) => kind === 'TokenBinding');
  assert.equal(new Set(bindings.map(({ metadata }) => metadata.name)).size, bindings.length);
  assert.equal(new Set(bindings.map(({ spec }) => spec.secret.name)).size, bindings.length);
});

test('no two deliveries of the examples write the same Fly secret or the same file', () => {
  const deliveries = FILES.flatMap(objectsIn).flatMap(({ spec }) => spec?.deliveries ?? []);
  const secrets = deliveries.map(({ fly }) => `${fly.app}/${fly.secretName}`);
  const paths = deliveries.flatMap(({ fly }) => (fly.reload ? [`${fly.app}:${fly.reload.path}`] : []));
  assert.ok(secrets.length >= 4 && paths.length >= 3);
  assert.equal(new Set(secrets).size, secrets.length);
  assert.equal(new Set(paths).size, paths.length);
});

test('the bindings of the shared app feed one app, all in the same way', () => {
  const bindings = objectsIn('examples/fly-shared-app.yaml');
  const apps = bindings.flatMap(({ spec }) => spec.deliveries.map(({ fly }: Delivery) => fly.app));
  const ways = bindings.flatMap(({ spec }) =>
    spec.deliveries.map(({ fly }: Delivery) => fly.rollout.strategy),
  );
  assert.equal(bindings.length, 2);
  assert.equal(new Set(apps).size, 1);
  assert.equal(new Set(ways).size, 1);
});

test('the ServiceAccount of the example is the one the binding names, and allows the audience it asks for', () => {
  const objects = objectsIn('examples/service-account-token.yaml');
  const account = objects.find(({ kind }) => kind === 'ServiceAccount');
  const binding = objects.find(({ kind }) => kind === 'TokenBinding');
  const { serviceAccountName, audience } = binding.spec.clientAuthentication.serviceAccountToken;
  assert.equal(account.metadata.name, serviceAccountName);
  assert.deepEqual(account.metadata.annotations, { 'tokenbinding.erauner.dev/allowed-audience': audience });
});
