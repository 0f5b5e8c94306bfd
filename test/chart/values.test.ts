import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CHART, helm, readYaml, template } from './chart.ts';

const EVERY_VALUE = new URL('fixtures/every-value.yaml', import.meta.url);

/** Paths of all values, such as `image.tag`; what is the user's own structure counts as one. */
function paths(values: object, prefix = ''): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const path = `${prefix}${key}`;
    const group = value?.constructor === Object && Object.keys(value).length > 0 && key !== 'resources';
    return group ? paths(value, `${path}.`) : [path];
  });
}

function chartFile(name: string): URL {
  return new URL(`../../charts/tokenbinding/${name}`, import.meta.url);
}

for (const [name, values] of [
  ['its defaults', []],
  ['every value set', [`--values=${fileURLToPath(EVERY_VALUE)}`]],
] as const) {
  test(`the chart has nothing for helm lint to complain about with ${name}`, () => {
    const { stdout, stderr, code } = helm(['lint', '--strict', '--quiet', CHART, ...values]);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stdout, /WARNING|ERROR/);
  });
}

test('the chart has a README row for every value, in the same order', async () => {
  const known = paths(await readYaml(chartFile('values.yaml')));
  const readme = await readFile(chartFile('README.md'), 'utf8');
  const table = readme.slice(readme.indexOf('## Values'));
  assert.deepEqual(
    [...table.matchAll(/^\| `([A-Za-z.]+)` \|/gm)].map((row) => row[1]),
    known,
  );
});

test('the chart allows every value and ignores none', async () => {
  const defaults = await readYaml(chartFile('values.yaml'));
  const base = [`--values=${fileURLToPath(EVERY_VALUE)}`, '--set-json=crds.install=true'];
  const output = (...sets: string[]) =>
    helm(['template', 'tb', CHART, ...base, ...sets.map((set) => `--set-json=${set}`)]).stdout;
  const unchanged = output();
  assert.notEqual(unchanged, '', 'the schema refuses a value of values.yaml');
  const ignored = paths(defaults).filter((path) => {
    const value = path.split('.').reduce<unknown>((node, key) => Reflect.get(Object(node), key), defaults);
    const others = typeof value === 'boolean' ? [true, false] : [value];
    return others.every((other) => output(`${path}=${JSON.stringify(other)}`) === unchanged);
  });
  // A digest wins over the tag; the CA comes from a Secret here.
  assert.deepEqual(ignored, ['image.tag', 'caBundle.configMapName']);
});

test('the chart has the version of the controller it installs', async () => {
  const { version } = await readYaml(new URL('../../package.json', import.meta.url));
  assert.equal((await readYaml(chartFile('Chart.yaml'))).appVersion, version);
});

for (const [values, complaint] of [
  [{ workers: 100 }, /'\/workers': maximum: got 100, want 64/],
  [{ logLevel: 'loud' }, /'\/logLevel': value must be one of 'trace', 'debug'/],
  [{ replicas: 2 }, /additional properties 'replicas' not allowed/],
  [{ crds: { instal: false } }, /'\/crds': additional properties 'instal' not allowed/],
  [{ watchNamespaces: 'team' }, /'\/watchNamespaces': got string, want array/],
  [{ watchNamespaces: ['Team'] }, /'\/watchNamespaces\/0': 'Team' does not match/],
  [{ egress: { allowHosts: ['https://a.test'] } }, /'\/egress\/allowHosts\/0': 'https:\/\/a.test'/],
  [{ flyApiUrl: 'http://fly.test' }, /'\/flyApiUrl': 'http:\/\/fly.test' does not match/],
  [{ caBundle: { configMapName: 'a', secretName: 'b' } }, /configMapName or secretName, not both/],
] as const) {
  test(`the chart refuses ${JSON.stringify(values)} and says what is wrong`, () => {
    const { stderr, code } = template(values);
    assert.notEqual(code, 0);
    assert.match(stderr, complaint);
  });
}

test('the chart tells the uninstall order: bindings, release, CRD', () => {
  const args = ['install', 'tb', CHART, '--namespace=system', '--dry-run=client'];
  const { stdout } = helm([...args, '--set=watchNamespaces={one,two}']);
  const notes = stdout.slice(stdout.indexOf('NOTES:'));
  assert.match(
    notes,
    /-n one delete tb --all.*-n two delete tb --all.*uninstall tb\n.*delete crd tokenbindings/s,
  );
});
