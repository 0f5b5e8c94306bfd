import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const top = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

test('the image runs the version of Node that the tests run, as a user that is not root', async () => {
  const dockerfile = await top('controller/Dockerfile');
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map((line) => line[1]);
  const { devDependencies } = JSON.parse(await top('package.json'));
  assert.deepEqual(new Set(bases), new Set([`node:${devDependencies.node}-slim`]));
  assert.match(dockerfile, /^USER [1-9][0-9]*:[1-9][0-9]*$/m);
});
