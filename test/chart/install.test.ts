import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../../sandbox/wait-for.ts';
import { CHART, CRD_NAME, helm } from './chart.ts';
import { previousChart, type ReleaseCluster, startReleaseCluster } from './release.ts';

const IN_SYSTEM = ['--namespace=system', '--create-namespace'];
const EVERY_VALUE = fileURLToPath(new URL('fixtures/every-value.yaml', import.meta.url));
/** Kinds the chart may leave something of. */
const KINDS = 'deployment,service,serviceaccount,role,rolebinding,clusterrole,clusterrolebinding,pdb,crd';
const OF_RELEASE = ['--selector=app.kubernetes.io/instance=tb', '--output=name'];

const BINDING = `
apiVersion: tokenbinding.erauner.dev/v1alpha1
kind: TokenBinding
metadata: {name: api, namespace: default, finalizers: [tokenbinding.erauner.dev/cleanup]}
spec:
  source: {auth0: {domain: acme.eu.auth0.com, audience: "https://api.acme.dev"}}
  clientAuthentication: {clientSecret: {secretRef: {name: m2m}}}
  secret: {name: api-token}
`;

let cluster: ReleaseCluster;

before(async () => {
  cluster = await startReleaseCluster();
});

after(() => cluster[Symbol.asyncDispose]());

async function ofRelease(): Promise<string[]> {
  return (await cluster.kubectl('get', KINDS, '-A', ...OF_RELEASE)).trim().split('\n').filter(Boolean);
}

async function columns(): Promise<string> {
  const path = '--output=jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}';
  return cluster.kubectl('get', 'crd', CRD_NAME, path);
}

async function established(): Promise<void> {
  await cluster.kubectl('wait', '--for=condition=Established', `crd/${CRD_NAME}`, '--timeout=30s');
}

/** Returns when everything that is to go is gone. */
async function uninstall(release: string): Promise<void> {
  await cluster.helm('uninstall', release, '--namespace=system', '--wait');
}

async function createBinding(): Promise<string> {
  const created = await cluster.try(['apply', '-f', '-', '-o', 'jsonpath={.metadata.uid}'], BINDING);
  assert.equal(created.code, 0, created.stderr);
  return created.stdout;
}

test('the previous chart is upgraded, CRD included, and no binding is lost', async () => {
  await using previous = await previousChart();
  await cluster.helm('install', 'tb', previous.path, ...IN_SYSTEM);
  await established();
  assert.doesNotMatch(await columns(), /Attempts/);
  const uid = await createBinding();
  const installed = await ofRelease();

  await cluster.helm('upgrade', 'tb', CHART, ...IN_SYSTEM);

  assert.match(await columns(), /Attempts/);
  const read = ['get', 'tb', 'api', '-n', 'default', '--output=jsonpath={.metadata.uid}'];
  assert.equal(await cluster.kubectl(...read), uid);
  const image = '--output=jsonpath={.spec.template.spec.containers[0].image}';
  assert.match(
    await cluster.kubectl('get', 'deployment', 'tb-tokenbinding', '-n', 'system', image),
    /:0\.1\.0$/,
  );
  assert.deepEqual(await ofRelease(), installed);
});

test('a finalizer holds a binding until the controller has cleaned up, so bindings go first', async () => {
  await cluster.kubectl('delete', 'tb', '--all', '-A', '--wait=false');
  const finalizers = '{.items[*].metadata.finalizers}';
  const left = await cluster.kubectl('get', 'tb', '-A', `--output=jsonpath=${finalizers}`);
  assert.equal(left, '["tokenbinding.erauner.dev/cleanup"]');
  // What the controller does when it is done.
  const patch = ['--type=merge', '--patch={"metadata":{"finalizers":null}}'];
  await cluster.kubectl('patch', 'tb', 'api', '-n', 'default', ...patch);
  await cluster.kubectl('wait', '--for=delete', 'tb/api', '-n', 'default', '--timeout=30s');
});

test('uninstalling leaves the CRD and nothing else, and it can be installed again', async () => {
  await uninstall('tb');
  assert.deepEqual(await ofRelease(), [`customresourcedefinition.apiextensions.k8s.io/${CRD_NAME}`]);

  await cluster.helm('install', 'tb', CHART, ...IN_SYSTEM);
  await uninstall('tb');
  await cluster.helm('install', 'other', CHART, ...IN_SYSTEM, '--take-ownership');
  await uninstall('other');
  await cluster.kubectl('delete', 'crd', CRD_NAME);
});

test('the CRD goes with the release when it is not to be kept', async () => {
  await cluster.helm('install', 'tb', CHART, ...IN_SYSTEM, '--set=crds.keep=false');
  // The API server cleans up after a CRD only once it has begun to serve it.
  await established();
  const served = () => cluster.try(['get', 'tb', '-A']);
  await waitFor(served, {
    what: 'TokenBindings to be served',
    timeoutMs: 60_000,
    until: ({ code }) => code === 0,
  });
  await cluster.helm('uninstall', 'tb', '--namespace=system');
  await cluster.kubectl('wait', '--for=delete', `crd/${CRD_NAME}`, '--timeout=90s');
  await waitFor(ofRelease, {
    what: 'everything of the release to be gone',
    timeoutMs: 60_000,
    until: (left) => left.length === 0,
  });
});

test('the API server finds no fault in any field, whichever values are set', async () => {
  for (const namespace of ['watched-a', 'watched-b']) await cluster.kubectl('create', 'namespace', namespace);
  for (const values of [[], [`--values=${EVERY_VALUE}`]]) {
    const manifests = helm(['template', 'tb', CHART, '--namespace=system', ...values]).stdout;
    const apply = ['apply', '--dry-run=server', '--validate=strict', '-f', '-'];
    const { stderr, code } = await cluster.try(apply, manifests);
    assert.deepEqual({ stderr, code }, { stderr: '', code: 0 });
  }
});
