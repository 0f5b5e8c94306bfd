import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openForWriting } from '../../controller/fly-access.ts';
import { Memory } from '../../controller/memory.ts';
import type { Run } from '../../controller/run.ts';
import { failure } from '../../src/failure.ts';
import type { PreflightFailure } from '../../src/fly/preflight.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { recorded } from '../binding/results.ts';
import { aBinding, someFacts, someProgress } from '../support/binding.ts';

const [record] = recorded('Retain').deliveries;
assert.ok(record);

/** A process in which a look at the API token, whatever its version, says `verdict`. */
function process(verdict?: PreflightFailure) {
  const memory = new Memory();
  const looks: string[] = [];
  const data = new Map([['token', new SecretValue('canary')]]);
  const labels = { 'tokenbinding.erauner.dev/credential': 'true' };
  const secrets = { read: async () => ({ metadata: { uid: '', resourceVersion: '', labels }, data }) };
  const flyApp = (app: string) => ({
    preflight: async () => {
      looks.push(app);
      return verdict;
    },
  });
  const open = (target: Partial<(typeof record & object)['target']> = {}, version = 'uid/8') => {
    const facts = someFacts({ apiTokenVersions: { 'fly-deploy': version } });
    const run = { world: { memory, secrets, flyApp }, key: 'ns/name', binding: aBinding() };
    const progress = someProgress(facts);
    return openForWriting({ ...run, progress } as unknown as Run, {
      name: 'mcp',
      target: { ...(record as NonNullable<typeof record>).target, ...target },
    });
  };
  return { memory, looks, open };
}

test('an API token is looked at before the first write to an app, and not before the next ones', async () => {
  const { looks, open } = process();
  await open();
  await open();
  assert.deepEqual(looks, ['toolbridge-mcp']);
});

test('it is looked at again when its Secret has changed, and for another app', async () => {
  const { looks, open } = process();
  await open();
  await open({}, 'uid/9');
  await open({ app: 'shop' }, 'uid/9');
  assert.deepEqual(looks, ['toolbridge-mcp', 'toolbridge-mcp', 'shop']);
});

test('one that is known to be wrong is not written with, and looked at again the next time', async () => {
  const { looks, open } = process(failure('Unauthorized', 'It is of another app.'));
  for (const _ of [1, 2]) await assert.rejects(open(), { message: 'It is of another app.' });
  assert.equal(looks.length, 2);
});

test('what is remembered of a token goes with its binding', async () => {
  const { memory, open } = process();
  await open();
  memory.forget('ns/name');
  assert.equal(memory.examinedTokens.size, 0);
});
