import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FlySubject, startFlySubject } from './fixtures/fly-subject.ts';

let fly: FlySubject;
before(async () => {
  fly = await startFlySubject();
});
after(() => fly.stop());

test('a missing, malformed or unknown token is 401, with an error in JSON', async () => {
  for (const authorization of [null, 'fm2_without_scheme', 'Bearer FlyV1 fm2_twice', 'FlyV1 fm2_unknown']) {
    const { status, body } = await fly.call('GET', 'secrets', { authorization });
    assert.equal(status, 401);
    assert.ok(body.error);
  }
});

test('a machine that does not exist is 404', async () => {
  assert.equal((await fly.call('GET', 'machines/0123456789abcd')).status, 404);
});

test('every answer carries a request id of its own, errors too', async () => {
  const ids = [];
  for (const path of ['secrets', 'machines', 'machines/0123456789abcd']) {
    ids.push((await fly.call('GET', path)).headers.get('fly-request-id'));
  }
  assert.ok(ids.every(Boolean));
  assert.equal(new Set(ids).size, ids.length);
});

test('a body that is no JSON object is 400', async () => {
  assert.equal((await fly.call('POST', 'secrets', { body: ['x'] })).status, 400);
});
