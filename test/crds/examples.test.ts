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

test('the ServiceAccount of the example is the one the binding names, and allows the audience it asks for', () => {
  const objects = objectsIn('examples/service-account-token.yaml');
  const account = objects.find(({ kind }) => kind === 'ServiceAccount');
  const binding = objects.find(({ kind }) => kind === 'TokenBinding');
  const { serviceAccountName, audience } = binding.spec.clientAuthentication.serviceAccountToken;
  assert.equal(account.metadata.name, serviceAccountName);
  assert.deepEqual(account.metadata.annotations, { 'tokenbinding.erauner.dev/allowed-audience': audience });
});
