import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretValue } from '../../src/secret-value.ts';
import { ApiDouble } from './api-double.ts';

const VALUE = new SecretValue('canary-token');

test('setting a secret sends its value and gives the version that contains it, and the digest', async () => {
  using fly = new ApiDouble();
  fly.always('secret', { status: 201, body: { name: 'TOKEN', digest: 'd1', version: 9, Version: 9 } });

  assert.deepEqual(await fly.app().setSecret('TOKEN', VALUE), { secretsVersion: 9, digest: 'd1' });
  assert.equal(fly.calls[0]?.url.pathname, '/v1/apps/toolbridge-mcp/secrets/TOKEN');
  assert.deepEqual(fly.calls[0]?.body, { value: 'canary-token' });
});

for (const [naming, body] of Object.entries({
  'only the old capital name': { Version: 4 },
  'only the new name': { version: 4 },
  'both names': { version: 4, Version: 3 },
})) {
  test(`the version is read from ${naming}`, async () => {
    using fly = new ApiDouble();
    fly.always('secret', { status: 201, body: { digest: 'd', ...body } });
    assert.equal((await fly.app().setSecret('TOKEN', VALUE)).secretsVersion, 4);
  });
}

for (const version of [0, -1, 1.5, '7', null, undefined]) {
  test(`an answer with version ${version} is no floor to build on: the write is tried again`, async () => {
    using fly = new ApiDouble();
    fly.always('secret', { status: 201, body: { digest: 'd', version } });
    fly.always('secrets', { status: 200, body: { version } });
    for (const attempt of [fly.app().setSecret('TOKEN', VALUE), fly.app().unsetSecret('TOKEN')]) {
      await assert.rejects(attempt, ({ failure }) => {
        assert.deepEqual([failure.reason, failure.disposition], ['PlatformUnavailable', 'retry']);
        return true;
      });
    }
  });
}

test('unsetting a secret sends null for its name, set or not, and gives the version', async () => {
  using fly = new ApiDouble();
  fly.always('secrets', { status: 200, body: { secrets: [], version: 5 } });

  assert.deepEqual(await fly.app().unsetSecret('TOKEN'), { secretsVersion: 5 });
  assert.deepEqual(fly.calls[0]?.body, { values: { TOKEN: null } });
});

test('unsetting a secret of an app that is gone says so instead of failing', async () => {
  using fly = new ApiDouble();
  fly.always('secrets', { status: 404, body: { error: 'app not found' } });

  assert.equal(await fly.app().unsetSecret('TOKEN'), 'AppNotFound');
});

test('a call that the caller gives up ends with the reason of the caller', async () => {
  using fly = new ApiDouble();
  fly.always('secret', { status: 201, body: { digest: 'd', version: 1 } });
  const signal = AbortSignal.abort(new Error('lost the lease'));

  await assert.rejects(fly.app().setSecret('TOKEN', VALUE, signal), { message: 'lost the lease' });
  assert.equal(fly.calls.length, 0);
});
