import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiDouble } from './api-double.ts';

test('the digest of a secret is the listed one, and undefined when it is not set', async () => {
  using fly = new ApiDouble();
  const secrets = [
    { name: 'token', digest: 'of another case' },
    { name: 'TOKEN', digest: 'd1', created_at: '2026-11-24T00:00:00Z' },
  ];
  fly.always('secretList', { status: 200, body: { secrets } });

  assert.equal(await fly.app().secretDigest('TOKEN'), 'd1');
  assert.equal(await fly.app().secretDigest('OTHER'), undefined);
  assert.equal(fly.calls[0]?.url.pathname, '/v1/apps/toolbridge-mcp/secrets');
  assert.equal(fly.calls[0]?.url.searchParams.has('show_secrets'), false);
});

for (const secrets of [[], null]) {
  test(`of an app whose secrets are ${JSON.stringify(secrets)} none is set`, async () => {
    using fly = new ApiDouble();
    fly.always('secretList', { status: 200, body: { secrets } });
    assert.equal(await fly.app().secretDigest('TOKEN'), undefined);
  });
}

const UNREADABLE: readonly unknown[] = [
  {},
  [],
  'canary-text',
  { secrets: 'canary-text' },
  { secrets: {} },
  { secrets: [null] },
  { secrets: ['TOKEN'] },
  { secrets: [{ name: 'TOKEN' }] },
  { secrets: [{ name: 'TOKEN', digest: 7 }] },
  { secrets: [{ name: 'TOKEN', digest: '' }] },
  { secrets: [{ digest: 'd1' }] },
];
for (const body of UNREADABLE) {
  test(`the list ${JSON.stringify(body)} never passes for one without the secret`, async () => {
    using fly = new ApiDouble();
    fly.always('secretList', { status: 200, body });
    await assert.rejects(fly.app().secretDigest('TOKEN'), ({ message, failure }) => {
      assert.deepEqual([failure.reason, failure.disposition], ['PlatformUnavailable', 'retry']);
      assert.doesNotMatch(message, /canary/);
      return true;
    });
  });
}

test('an app that is gone, and a token that may not look, are told as such', async () => {
  using fly = new ApiDouble();
  fly.once('secretList', { status: 404, body: { error: 'canary' } });
  fly.once('secretList', { status: 403, body: { error: 'canary' } });
  await assert.rejects(fly.app().secretDigest('TOKEN'), ({ failure }) => failure.reason === 'AppNotFound');
  await assert.rejects(fly.app().secretDigest('TOKEN'), ({ failure }) => failure.reason === 'Unauthorized');
});
