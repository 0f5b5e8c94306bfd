import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type FlySubject, SERVER, startFlySubject } from './fixtures/fly-subject.ts';
import { until } from './fixtures/fly-world.ts';

let fly: FlySubject;
let machine: string;
before(async () => {
  fly = await startFlySubject();
});
after(() => fly.stop());
beforeEach(async () => {
  machine = await fly.add('created');
});

async function acquire(ttl = 30): Promise<string> {
  const { body } = await fly.call('POST', `${machine}/lease?ttl=${ttl}`);
  return body.data.nonce;
}

test('acquiring a lease answers 201 with nonce, unix expiry, owner and the machine version seen', async () => {
  const { body: seen } = await fly.call('GET', machine);
  const { status, body } = await fly.call('POST', `${machine}/lease`, {
    body: { ttl: 20, description: 'roll' },
  });
  assert.equal(status, 201);
  assert.equal(body.status, 'success');
  assert.ok(body.data.nonce.length > 0 && body.data.owner.length > 0);
  assert.equal(body.data.description, 'roll');
  assert.equal(body.data.version, seen.instance_id);
  assert.ok(Math.abs(body.data.expires_at - Date.now() / 1_000 - 20) < 3);
});

test('the time to live is taken from the query too', async () => {
  const { body } = await fly.call('POST', `${machine}/lease?ttl=200`, { body: { ttl: 20 } });
  assert.ok(body.data.expires_at - Date.now() / 1_000 > 190);
});

test('a second holder is refused with 409 in the envelope', async () => {
  await acquire();
  const { status, body } = await fly.call('POST', `${machine}/lease`);
  assert.equal(status, 409);
  assert.equal(body.status, 'error');
  assert.equal(body.code, 'invalid');
  assert.match(body.message, /lease currently held by .+, expires at /);
});

test('whoever has not the nonce can neither update, start nor stop: 409 in the other shape', async () => {
  await acquire();
  for (const path of [machine, `${machine}/start`, `${machine}/stop`]) {
    for (const nonce of [undefined, 'wrong']) {
      const { status, body } = await fly.call('POST', path, {
        body: { config: SERVER },
        ...(nonce && { nonce }),
      });
      assert.equal(status, 409);
      assert.match(body.error, /^aborted: machine ID .* lease currently held by /);
    }
  }
});

test('the same POST with the nonce refreshes: same nonce, later expiry', async () => {
  const nonce = await acquire(10);
  const { body } = await fly.call('POST', `${machine}/lease?ttl=40`, { nonce });
  assert.equal(body.data.nonce, nonce);
  assert.ok(body.data.expires_at - Date.now() / 1_000 > 30);
});

test('the nonce shows in the machine while it is leased, and no longer', async () => {
  const nonce = await acquire();
  assert.equal((await fly.call('GET', machine)).body.nonce, nonce);
  await fly.call('DELETE', `${machine}/lease`, { nonce });
  assert.equal((await fly.call('GET', machine)).body.nonce, undefined);
});

test('release answers 200 with the nonce, 409 without, and 404 when there is no lease', async () => {
  const nonce = await acquire();
  assert.equal((await fly.call('DELETE', `${machine}/lease`)).status, 409);
  const { status, body } = await fly.call('DELETE', `${machine}/lease`, { nonce });
  assert.equal(status, 200);
  assert.deepEqual(body, { status: 'success', data: { ok: true } });
  assert.equal((await fly.call('DELETE', `${machine}/lease`, { nonce })).status, 404);
});

test('a refresh that comes after the release locks the machine again', async () => {
  const nonce = await acquire();
  await fly.call('DELETE', `${machine}/lease`, { nonce });
  assert.equal((await fly.call('POST', `${machine}/lease`, { nonce })).status, 201);
  assert.equal((await fly.call('POST', `${machine}/start`)).status, 409);
});

test('an expired lease is none', async () => {
  await acquire(2);
  assert.equal((await fly.call('GET', `${machine}/lease`)).status, 200);
  await until(async () => (await fly.call('GET', `${machine}/lease`)).status === 404);
  assert.equal((await fly.call('POST', `${machine}/lease`)).status, 201);
});

test('a time to live that is no whole number of seconds is 400', async () => {
  assert.equal((await fly.call('POST', `${machine}/lease?ttl=15s`)).status, 400);
  assert.equal((await fly.call('POST', `${machine}/lease`, { body: { ttl: 0 } })).status, 400);
});

test('the holder can update, and the lease outlives the update', async () => {
  const nonce = await acquire();
  const { status } = await fly.call('POST', machine, { body: { config: SERVER }, nonce });
  assert.equal(status, 200);
  assert.equal((await fly.call('GET', `${machine}/lease`)).body.data.nonce, nonce);
});

test('metadata is not guarded', async () => {
  await acquire();
  const { status } = await fly.call('POST', `${machine}/metadata/colour`, { body: { value: 'blue' } });
  assert.equal(status, 204);
});
