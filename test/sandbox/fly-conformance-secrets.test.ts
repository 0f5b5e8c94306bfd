import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FlySubject, startFlySubject } from './fixtures/fly-subject.ts';

let fly: FlySubject;
before(async () => {
  fly = await startFlySubject();
});
after(() => fly.stop());

const write = (values: Record<string, string | null>) => fly.call('POST', 'secrets', { body: { values } });

test('setting a secret answers 201 with a digest, times and the version under both names, never the value', async () => {
  const { status, body } = await fly.call('POST', 'secrets/TOKEN', { body: { value: 'first' } });
  assert.equal(status, 201);
  assert.equal(body.name, 'TOKEN');
  assert.match(body.digest, /^[0-9a-f]{16}$/);
  assert.ok(Date.parse(body.created_at) > 0 && Date.parse(body.updated_at) > 0);
  assert.ok(Number.isInteger(body.version) && body.version > 0);
  assert.equal(body.Version, body.version);
  assert.ok(!JSON.stringify(body).includes('first'));
});

test('the version grows with every write to any key, also with one that changes nothing', async () => {
  const versions: number[] = [];
  for (const values of [{ A: '1' }, { B: '1' }, { B: '1' }, { NEVER_SET: null }]) {
    versions.push((await write(values)).body.version);
  }
  const single = await fly.call('DELETE', 'secrets/B');
  versions.push(single.body.version);
  assert.deepEqual(
    versions,
    [...new Set(versions)].sort((a, b) => a - b),
  );
});

test('the digest is the one the write returned, and another value has another digest', async () => {
  const { body: written } = await fly.call('POST', 'secrets/TOKEN', { body: { value: 'one' } });
  const { body: read } = await fly.call('GET', 'secrets/TOKEN');
  assert.equal(read.digest, written.digest);
  const { body: changed } = await fly.call('POST', 'secrets/TOKEN', { body: { value: 'two' } });
  assert.notEqual(changed.digest, written.digest);
});

test('null in a bulk write unsets, beside others that are set', async () => {
  await write({ KEEP: 'x', DROP: 'x' });
  const { status, body } = await write({ NEW: 'y', DROP: null });
  assert.equal(status, 200);
  assert.equal(body.Version, body.version);
  const { body: list } = await fly.call('GET', 'secrets');
  const names = list.secrets.map((secret: { name: string }) => secret.name);
  assert.ok(names.includes('KEEP') && names.includes('NEW') && !names.includes('DROP'));
});

test('the list shows no value, also when asked for it from outside a machine', async () => {
  await write({ TOKEN: 'do-not-show' });
  const { body } = await fly.call('GET', 'secrets?show_secrets=true');
  assert.ok(!JSON.stringify(body).includes('do-not-show'));
});

test('deleting a secret removes it, and reading it then is 404', async () => {
  await write({ GONE: 'x' });
  assert.equal((await fly.call('DELETE', 'secrets/GONE')).status, 200);
  assert.equal((await fly.call('GET', 'secrets/GONE')).status, 404);
});

test('an invalid name is 400 and the message echoes it with the request id', async () => {
  const { status, body, headers } = await fly.call('POST', 'secrets/not-a-name', {
    body: { value: 'x' },
  });
  assert.equal(status, 400);
  assert.ok(body.error.includes('not-a-name'));
  assert.ok(body.error.includes(headers.get('fly-request-id')));
});

test('a value that is no string is 400', async () => {
  assert.equal((await fly.call('POST', 'secrets/TOKEN', { body: { value: 1 } })).status, 400);
  assert.equal((await fly.call('POST', 'secrets', { body: { values: { TOKEN: 1 } } })).status, 400);
  assert.equal((await fly.call('POST', 'secrets', { body: {} })).status, 400);
});

test('setting by bulk and one by one count on the same version', async () => {
  const { body: bulk } = await write({ ONE: '1' });
  const { body: single } = await fly.call('POST', 'secrets/TWO', { body: { value: '2' } });
  assert.ok(single.version > bulk.version);
});

test('unsetting an absent name in bulk is no error and tells the version of now', async () => {
  const { body: before } = await write({ HERE: 'x' });
  const { status, body } = await write({ NOT_HERE: null });
  assert.equal(status, 200);
  assert.ok(body.version >= before.version);
});
