import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FlySubject, SERVER, startFlySubject } from './fixtures/fly-subject.ts';

let fly: FlySubject;
let machine: string;
before(async () => {
  fly = await startFlySubject();
  machine = await fly.add('created', { ...SERVER, metadata: { a: '1', b: '2' } });
});
after(() => fly.stop());

const get = async () => (await fly.call('GET', machine)).body;
const write = (method: string, path: string, body?: unknown) =>
  fly.call(method, `${machine}/metadata${path}`, body === undefined ? {} : { body });

test('one key is set, read and removed, without a new version', async () => {
  const { instance_id } = await get();
  assert.equal((await write('POST', '/colour', { value: 'blue' })).status, 204);
  assert.equal((await write('GET', '/colour')).body.value, 'blue');
  assert.equal((await get()).config.metadata.colour, 'blue');
  assert.equal((await write('DELETE', '/colour')).status, 204);
  assert.equal((await write('GET', '/colour')).status, 404);
  assert.equal((await get()).instance_id, instance_id);
});

test('several keys at once: null and the empty string remove, the others stay', async () => {
  const changes = { metadata: { a: null, c: '3', d: '' } };
  assert.equal((await write('PATCH', '', changes)).status, 204);
  assert.deepEqual((await write('GET', '')).body, { b: '2', c: '3' });
});

test('another machine_version than the current is 412 and changes nothing', async () => {
  const before = (await write('GET', '')).body;
  const change = { metadata: { e: '5' }, machine_version: '01ARZ3NDEKTSV4RRFFQ69G5FAV' };
  assert.equal((await write('PUT', '', change)).status, 412);
  assert.deepEqual((await write('GET', '')).body, before);
});

test('an update overwrites what was set beside it', async () => {
  const { config } = await get();
  await write('POST', '/late', { value: 'lost' });
  const { body } = await fly.call('POST', machine, { body: { config } });
  await fly.settled(machine, body.instance_id);
  assert.equal((await get()).config.metadata.late, undefined);
});
