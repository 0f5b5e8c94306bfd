import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { CHART } from './chart.ts';
import { type ReleaseCluster, startReleaseCluster } from './release.ts';

const EVERYWHERE = 'system:serviceaccount:system:all-tokenbinding';
const WATCHED_ONLY = 'system:serviceaccount:system:some-tokenbinding';
const BINDINGS = 'tokenbindings.tokenbinding.erauner.dev';

let cluster: ReleaseCluster;

before(async () => {
  cluster = await startReleaseCluster();
  for (const namespace of ['system', 'watched', 'unwatched']) {
    await cluster.kubectl('create', 'namespace', namespace);
  }
  await cluster.helm('install', 'all', CHART, '--namespace=system');
  const some = '--set=crds.install=false,watchNamespaces={watched}';
  await cluster.helm('install', 'some', CHART, '--namespace=system', some);
  await cluster.kubectl('wait', '--for=condition=Established', `crd/${BINDINGS}`, '--timeout=30s');
});

after(() => cluster[Symbol.asyncDispose]());

/** Asserts what `kubectl auth can-i` answers for `account` to each question, such as `get secrets -n team`. */
async function canI(account: string, answer: 'yes' | 'no', questions: readonly string[]): Promise<void> {
  for (const question of questions) {
    const { stdout } = await cluster.try(['auth', 'can-i', ...question.split(' '), `--as=${account}`]);
    assert.equal(`${question}: ${stdout.trim()}`, `${question}: ${answer}`);
  }
}

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** Every right `account` has in `namespace` and an account without any binding has not, one a line. */
async function rights(account: string, namespace: string): Promise<Set<string>> {
  const everybody = await ruleLines('system:serviceaccount:system:nobody', namespace);
  const own = [...(await ruleLines(account, namespace))];
  return new Set(own.filter((line) => !everybody.has(line)));
}

async function ruleLines(account: string, namespace: string): Promise<Set<string>> {
  const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
  const review = JSON.stringify({ spec: { namespace } });
  const answer = await cluster.try(['create', `--raw=${path}`, '-f', '-', `--as=${account}`], review);
  assert.equal(answer.code, 0, answer.stderr);
  const rules: Rule[] = JSON.parse(answer.stdout).status.resourceRules;
  return new Set(rules.flatMap(lines));
}

function lines({ verbs, apiGroups = [], resources = [], resourceNames = ['*'] }: Rule): string[] {
  const objects = apiGroups.flatMap((group) =>
    resources.flatMap((resource) => resourceNames.map((name) => `${resource}.${group} ${name}`)),
  );
  return objects.map((object) => `${object}: ${verbs.join(' ')}`);
}

const ON_BINDINGS = new Set([
  'events.events.k8s.io *: create',
  'secrets. *: get list watch create patch delete',
  'tokenbindings.tokenbinding.erauner.dev *: list watch patch',
  'tokenbindings/status.tokenbinding.erauner.dev *: patch',
]);

describe('the controller of a release for all namespaces', () => {
  test('can do what it needs', () =>
    canI(EVERYWHERE, 'yes', [
      `list ${BINDINGS} -A`,
      `watch ${BINDINGS} -A`,
      `patch ${BINDINGS} -n unwatched`,
      `patch ${BINDINGS} --subresource=status -n unwatched`,
      'list secrets -A',
      'watch secrets -A',
      'get secrets -n unwatched',
      'create secrets -n unwatched',
      'patch secrets -n unwatched',
      'delete secrets -n unwatched',
      'create events.events.k8s.io -n unwatched',
      'create leases.coordination.k8s.io -n system',
      'get leases.coordination.k8s.io/all-tokenbinding -n system',
      'update leases.coordination.k8s.io/all-tokenbinding -n system',
    ]));

  test('is refused the rest', () =>
    canI(EVERYWHERE, 'no', [
      'update secrets -A',
      'deletecollection secrets -A',
      'patch events.events.k8s.io -A',
      `create ${BINDINGS} -A`,
      `delete ${BINDINGS} -A`,
      'get pods -A',
      'create pods --subresource=exec -A',
      'create serviceaccounts --subresource=token -A',
      'impersonate users',
      'create clusterrolebindings',
      'update leases.coordination.k8s.io/kube-controller-manager -n kube-system',
      'update leases.coordination.k8s.io/some-tokenbinding -n system',
    ]));

  test('has no other right', async () => {
    assert.deepEqual(await rights(EVERYWHERE, 'unwatched'), ON_BINDINGS);
  });
});

describe('the controller of a release for some namespaces', () => {
  test('has its rights in them', async () => {
    assert.deepEqual(await rights(WATCHED_ONLY, 'watched'), ON_BINDINGS);
    await canI(WATCHED_ONLY, 'yes', [`list ${BINDINGS} -n watched`, 'get secrets -n watched']);
  });

  test('has no right elsewhere but on its Lease', async () => {
    assert.deepEqual(await rights(WATCHED_ONLY, 'unwatched'), new Set());
    assert.deepEqual(
      await rights(WATCHED_ONLY, 'system'),
      new Set([
        'leases.coordination.k8s.io *: create',
        'leases.coordination.k8s.io some-tokenbinding: get update',
      ]),
    );
    await canI(WATCHED_ONLY, 'no', [`list ${BINDINGS} -A`, 'list secrets -A', 'get secrets -n unwatched']);
  });
});

describe('the controller of a release as the README installs it', () => {
  const controller = 'system:serviceaccount:tokenbinding-system:tokenbinding';
  const onAccount = [
    'get serviceaccounts/toolbridge -n toolbridge',
    'create serviceaccounts/toolbridge --subresource=token -n toolbridge',
  ];
  const createToken = (name: string) =>
    cluster.try([
      'create',
      'token',
      name,
      '-n',
      'toolbridge',
      '--audience=https://id.test',
      `--as=${controller}`,
    ]);

  before(async () => {
    const release = ['tokenbinding', CHART, '--namespace=tokenbinding-system', '--create-namespace'];
    await cluster.helm('install', ...release, '--set=crds.install=false');
    await cluster.kubectl('create', 'namespace', 'toolbridge');
    for (const name of ['toolbridge', 'another']) {
      await cluster.kubectl('create', 'serviceaccount', name, '-n', 'toolbridge');
    }
  });

  test('can create tokens of no ServiceAccount', async () => {
    await canI(controller, 'no', onAccount);
    assert.match((await createToken('toolbridge')).stderr, /Forbidden|forbidden/);
  });

  test('can create those of one ServiceAccount, and nothing more, by the Role of the README', async () => {
    const before = await rights(controller, 'toolbridge');
    const manifest = await documentedRole();
    assert.equal((await cluster.try(['apply', '-f', '-'], manifest)).code, 0);
    await canI(controller, 'yes', onAccount);
    const { code, stderr } = await createToken('toolbridge');
    assert.equal(code, 0, stderr);
    assert.match((await createToken('another')).stderr, /forbidden/);
    const added = [...(await rights(controller, 'toolbridge'))].filter((line) => !before.has(line));
    assert.deepEqual(
      new Set(added),
      new Set(['serviceaccounts. toolbridge: get', 'serviceaccounts/token. toolbridge: create']),
    );
    await canI(controller, 'no', [
      'list serviceaccounts -n toolbridge',
      'create serviceaccounts/toolbridge --subresource=token -n unwatched',
    ]);
  });

  test('is named by the same Role in the example', async () => {
    const example = await readFile(
      new URL('../../examples/service-account-token.yaml', import.meta.url),
      'utf8',
    );
    const isRole = ({ kind }: { kind: string }) => kind.startsWith('Role');
    assert.deepEqual(objects(await documentedRole()), objects(example).filter(isRole));
  });
});

const objects = (text: string) => parseAllDocuments(text).map((document) => document.toJS());

/** The Role and RoleBinding that the chart's README shows. */
async function documentedRole(): Promise<string> {
  const readme = await readFile(`${CHART}/README.md`, 'utf8');
  const [, manifest] = /^```yaml\n(.*?)^```$/ms.exec(readme) ?? [];
  assert.ok(manifest, 'the README shows the Role');
  return manifest;
}

describe('a user of the namespace', () => {
  const roles = ['view', 'edit'] as const;
  before(async () => {
    for (const role of roles) {
      const binding = [`--clusterrole=all-tokenbinding-${role}`, `--user=${role}or`, '-n', 'unwatched'];
      await cluster.kubectl('create', 'rolebinding', role, ...binding);
    }
  });

  test('reads bindings with what the chart adds to view', async () => {
    assert.deepEqual(await rights('viewor', 'unwatched'), new Set([`${BINDINGS} *: get list watch`]));
  });

  test('writes bindings, but no status, with what the chart adds to edit', async () => {
    const verbs = 'create update patch delete deletecollection';
    assert.deepEqual(await rights('editor', 'unwatched'), new Set([`${BINDINGS} *: ${verbs}`]));
  });

  for (const [role, into] of [
    ['view', ['view', 'edit', 'admin']],
    ['edit', ['edit', 'admin']],
  ] as const) {
    test(`has the chart's ${role} rights by the roles ${into.join(', ')}`, async () => {
      const labels = ['get', 'clusterrole', `all-tokenbinding-${role}`, '-o', 'jsonpath={.metadata.labels}'];
      const aggregated = Object.keys(JSON.parse(await cluster.kubectl(...labels)))
        .map((label) => label.split('/aggregate-to-')[1])
        .filter((target) => target !== undefined);
      assert.deepEqual(new Set(aggregated), new Set(into));
    });
  }
});
