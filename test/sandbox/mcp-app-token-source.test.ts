import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { createTokenSource, type TokenNote } from '../../sandbox/mcp-app/token-source.ts';

let directory: string;
let file: string;
let count = 0;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'token-source-'));
});
beforeEach(() => {
  count += 1;
  file = join(directory, `token-${count}`);
});
after(() => rm(directory, { recursive: true }));

function jwt(exp: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ exp })}.signature`;
}
const [OLD, NEW, NEWEST] = [jwt(1_000), jwt(2_000), jwt(3_000)] as const;

/** As a careful writer does: beside it, then renamed over it. */
async function replace(text: string): Promise<void> {
  await writeFile(`${file}.next`, text, { mode: 0o600 });
  await rename(`${file}.next`, file);
}

test('without a file the token is that of the environment, trimmed', async () => {
  assert.equal(await createTokenSource({ environment: `${OLD}\n`, file: '' }).current(), OLD);
  assert.equal(await createTokenSource({ environment: OLD, file }).current(), OLD);
  assert.equal(await createTokenSource({ environment: ' \n', file }).current(), '');
});

test('a file that appears, is replaced and goes again is followed request by request', async () => {
  const tokens = createTokenSource({ environment: OLD, file });
  const seen: string[] = [];
  for (const step of [() => replace(`${NEW}\n`), () => replace(NEWEST), () => unlink(file)]) {
    await step();
    seen.push(await tokens.current());
  }
  assert.deepEqual(seen, [NEW, NEWEST, OLD]);
});

for (const [what, environment, inFile, expected] of [
  ['the file that expires later', OLD, NEW, NEW],
  ['the environment that expires later: a boot after the last reload', NEW, OLD, NEW],
  ['the file where there is nothing else', '', OLD, OLD],
  ['the environment where the file is empty', OLD, ' \n', OLD],
  ['the file where its token tells no expiry', NEW, 'opaque', 'opaque'],
  ['the file where only its token tells an expiry', 'opaque', OLD, OLD],
] as const) {
  test(`of the two, ${what}`, async () => {
    await replace(inFile);
    assert.equal(await createTokenSource({ environment, file }).current(), expected);
  });
}

test('a file that does not look changed is not read again, until its token was refused', async () => {
  const then = new Date(1_700_000_000_000);
  const put = async (token: string) => {
    await writeFile(file, token);
    await utimes(file, then, then);
  };
  await put(NEW);
  const tokens = createTokenSource({ environment: '', file });
  assert.equal(await tokens.current(), NEW);
  await put(NEWEST);
  assert.equal(await tokens.current(), NEW);
  assert.equal(await tokens.reread(), NEWEST);
  assert.equal(await tokens.current(), NEWEST);
});

test('two replacements that look alike but for their inode are both seen', async () => {
  const tokens = createTokenSource({ environment: '', file });
  const then = new Date(1_700_000_000_000);
  for (const token of [NEW, NEWEST]) {
    await replace(token);
    await utimes(file, then, then);
    assert.equal(await tokens.current(), token);
  }
});

test('a Secret volume is followed through the links that the kubelet swaps', async () => {
  const volume = join(directory, 'volume');
  for (const [name, token] of Object.entries({ '..1': NEW, '..2': NEWEST })) {
    await mkdir(join(volume, name), { recursive: true });
    await writeFile(join(volume, name, 'token'), token);
  }
  const swap = async (name: string) => {
    await symlink(name, join(volume, '..tmp'));
    await rename(join(volume, '..tmp'), join(volume, '..data'));
  };
  await swap('..1');
  await symlink('..data/token', join(volume, 'token'));
  const tokens = createTokenSource({ environment: '', file: join(volume, 'token') });
  assert.equal(await tokens.current(), NEW);
  await swap('..2');
  assert.equal(await tokens.current(), NEWEST);
});

test('a file that cannot be read leaves the environment, and is told once', async () => {
  const notes: TokenNote[] = [];
  await mkdir(file);
  const tokens = createTokenSource({ environment: OLD, file, onNote: (note) => notes.push(note) });
  assert.equal(await tokens.current(), OLD);
  assert.equal(await tokens.current(), OLD);
  assert.deepEqual(
    notes.map(({ event }) => event),
    ['tokenFileUnreadable', 'token'],
  );
});

test('each change of token is told once, by expiry and a short hash', async () => {
  const notes: TokenNote[] = [];
  const tokens = createTokenSource({ environment: OLD, file, onNote: (note) => notes.push(note) });
  await tokens.current();
  await replace(NEW);
  await tokens.current();
  await tokens.current();
  assert.deepEqual(
    notes.map((note) => note.event === 'token' && [note.from, note.exp, note.id.length]),
    [
      ['environment', 1_000, 16],
      ['file', 2_000, 16],
    ],
  );
  const told = JSON.stringify(notes);
  for (const token of [OLD, NEW]) assert.ok(!token.split('.').some((part) => told.includes(part)));
});
