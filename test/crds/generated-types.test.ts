import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parse } from 'yaml';

const TYPES = 'src/binding/token-binding.generated.ts';

/** A copy of what the generator reads and writes. */
function workspace(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'crds-'));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const path of ['crds', TYPES, 'package.json']) {
    cpSync(path, join(directory, path), { recursive: true });
  }
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  return directory;
}

function generate(cwd: string, ...args: string[]) {
  const { status, stderr } = spawnSync(process.execPath, ['crds/generate.ts', ...args], {
    cwd,
    encoding: 'utf8',
  });
  return { status, stderr };
}

test('the committed types are those of the CRD', () => {
  assert.deepEqual(generate('.', '--check'), { status: 0, stderr: '' });
});

test('stale types are told with the command that renews them, which does', (t) => {
  const directory = workspace(t);
  appendFileSync(join(directory, TYPES), '// edited\n');
  const { status, stderr } = generate(directory, '--check');
  assert.equal(status, 1);
  assert.match(stderr, /npm run generate/);
  assert.equal(generate(directory).status, 0);
  assert.equal(readFileSync(join(directory, TYPES), 'utf8'), readFileSync(TYPES, 'utf8'));
});

interface Schema {
  readonly description?: string;
  readonly type: string;
  readonly maxLength?: number;
  readonly enum?: readonly string[];
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
}

/** Every field below a schema, by path. */
function* fieldsOf(schema: Schema, path = ''): Generator<[path: string, field: Schema]> {
  for (const [key, field] of Object.entries(schema.properties ?? {})) {
    if (path === '' && !['spec', 'status'].includes(key)) continue;
    yield [`${path}.${key}`, field];
    yield* fieldsOf(field, `${path}.${key}`);
  }
  for (const element of [schema.items, schema.additionalProperties]) {
    if (element !== undefined) yield* fieldsOf(element, `${path}[]`);
  }
}

const crd = parse(readFileSync('crds/tokenbindings.tokenbinding.erauner.dev.yaml', 'utf8'));
const fields = [...fieldsOf(crd.spec.versions[0].schema.openAPIV3Schema)];

test('every field has a description that kubectl explain can show', () => {
  assert.ok(fields.length > 80);
  assert.deepEqual(
    fields.filter(([, field]) => !field.description?.trim()).map(([path]) => path),
    [],
  );
});

test('every string, list and map is bounded', () => {
  const unbounded = fields.filter(([, { type, additionalProperties, ...field }]) => {
    if (type === 'string') return field.maxLength === undefined && field.enum === undefined;
    if (type === 'array') return field.maxItems === undefined;
    return additionalProperties !== undefined && field.maxProperties === undefined;
  });
  assert.deepEqual(
    unbounded.map(([path]) => path),
    [],
  );
});
