import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type SourceFile, sourceFiles, words } from './source-files.ts';

const files = sourceFiles();
const product = files.filter(({ path }) => path.startsWith('src/') || path.startsWith('controller/'));
const byPath = new Map(files.map((file) => [file.path, file]));
const room = (path: string) => {
  if (path.startsWith('src/fly/machines-api/')) return '@fly/machines-api';
  const match = /^(src\/[a-z]+)\//.exec(path) ?? /^([a-z]+)\//.exec(path);
  return match?.[1] ?? path;
};

/** Which rooms a room may import; a room may always import itself. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  'src/binding': ['src'],
  'src/http': ['src'],
  'src/oauth': ['src/binding', 'src/http', 'src'],
  'src/kubernetes': ['src/binding', 'src/http', 'src'],
  'src/fly': ['src/binding', 'src/http', 'src', '@fly/machines-api'],
  '@fly/machines-api': [],
  src: [],
  controller: ['src/binding', 'src/oauth', 'src/kubernetes', 'src/fly', 'src/http', 'src'],
  sandbox: [],
  crds: [],
  charts: [],
  docs: ['src/binding'],
};

const offences = (check: (file: SourceFile) => string[]) => (found: SourceFile[]) =>
  found.flatMap((file) => check(file).map((what) => `${file.path}: ${what}`));

describe('imports', () => {
  it('point one way: controller, then adapters, then the decision; the sandbox knows none of them', () => {
    const wrong = offences((file) => {
      const allowed = ARROWS[room(file.path)] ?? [];
      const targets = file.imports.filter((target) => byPath.has(target) || target === '@fly/machines-api');
      return targets.filter((target) => room(target) !== room(file.path) && !allowed.includes(room(target)));
    })(files.filter(({ path }) => !path.startsWith('test/')));
    assert.deepEqual(wrong, []);
  });

  it('name only files that exist', () => {
    const generated = /\.generated\.ts$|\.json$/;
    const wrong = offences(({ imports }) =>
      imports.filter(
        (target) =>
          /^(src|controller|sandbox|test|crds|charts)\//.test(target) &&
          !byPath.has(target) &&
          !generated.test(target),
      ),
    )(files);
    assert.deepEqual(wrong, []);
  });

  it('form no circle', () => {
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]): string[] => {
      if (trail.includes(path)) return [[...trail, path].join(' → ')];
      if (done.has(path)) return [];
      const found = (byPath.get(path)?.imports ?? []).flatMap((target) => visit(target, [...trail, path]));
      done.add(path);
      return found;
    };
    assert.deepEqual(
      files.flatMap(({ path }) => visit(path, [])),
      [],
    );
  });

  it('bring in undici in one module, so that fetch, Request and Agent are of one kind', () => {
    const users = files.filter(
      ({ path, imports }) => imports.includes('undici') && !path.startsWith('test/'),
    );
    assert.deepEqual(
      users.map(({ path }) => path).filter((path) => !path.startsWith('sandbox/')),
      ['src/http/undici.ts'],
    );
  });
});

describe('the decision in src/binding', () => {
  it('is pure: it neither waits nor looks at clock, chance, process or network', () => {
    const banned = [
      'await',
      'Date.now',
      'Math.random',
      'performance',
      'process',
      'setTimeout',
      'setInterval',
      'fetch',
      'crypto',
    ];
    const binding = files.filter(({ path }) => path.startsWith('src/binding/'));
    assert.ok(binding.length > 10);
    assert.deepEqual(offences((file) => banned.filter((word) => words(file).has(word)))(binding), []);
  });

  it('imports nothing of Node, and of packages only xstate', () => {
    const binding = files.filter(({ path }) => path.startsWith('src/binding/'));
    const outside = offences(({ imports }) =>
      imports.filter((target) => !target.startsWith('src/') && target !== 'xstate'),
    );
    assert.deepEqual(outside(binding), []);
  });
});

describe('the process', () => {
  it('is read by main.ts files alone', () => {
    const readers = product.filter(
      (file) => words(file).has('process') && !/\/(main|generate)\.ts$/.test(file.path),
    );
    assert.deepEqual(
      readers.map(({ path }) => path),
      [],
    );
  });
});

describe('files', () => {
  it('have at most 250 lines, half of them at most 100', () => {
    const code = files.filter(({ path }) => !path.startsWith('test/'));
    assert.deepEqual(
      files.filter(({ lines }) => lines > 250).map(({ path, lines }) => `${path}: ${lines}`),
      [],
    );
    const sizes = code.map(({ lines }) => lines).sort((a, b) => a - b);
    assert.ok((sizes[Math.floor(sizes.length / 2)] ?? 0) <= 100);
  });

  it('are named for the noun they own', () => {
    const drawers = /\/(utils?|helpers?|common|types|constants|misc|shared|lib)(\.ts|\/)/;
    assert.deepEqual(
      files.map(({ path }) => path).filter((path) => drawers.test(path)),
      [],
    );
  });
});
