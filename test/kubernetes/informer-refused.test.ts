import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Follower } from './follower.ts';
import { answer, object, type Responder, refuse, statusOf } from './stand-in.ts';

let follower: Follower;
beforeEach(async () => {
  follower = await Follower.create();
});
afterEach(() => follower.end());

const times = (count: number, responder: Responder) => Array<Responder>(count).fill(responder);
const unwell: Responder = (response) => refuse(response, 500, 'InternalError');

const refusals: Record<string, { responder: Responder; reason: string }> = {
  '500': { responder: unwell, reason: 'InternalError' },
  '401': { responder: (response) => refuse(response, 401, 'Unauthorized'), reason: 'Unauthorized' },
  'a page of a proxy': {
    responder: (response) => response.writeHead(503).end('<html>'),
    reason: 'ServiceUnavailable',
  },
  'a reset': { responder: (response) => response.destroy(), reason: 'UND_ERR_SOCKET' },
};

for (const [name, { responder, reason }] of Object.entries(refusals)) {
  test(`a watch answered by ${name} is asked for again from the same place after 800 ms`, async () => {
    const { clock, collection, failures } = follower;
    collection.next('watch', responder);
    await follower.fail();
    assert.deepEqual(failures, [reason]);
    await clock.advance(30_000);
    await follower.watching(2);
    assert.deepEqual(follower.askedAt, { list: [0], watch: [0, 800] });
    assert.equal(follower.position(), '100');
    collection.send('ADDED', object('a', 101));
    await follower.hears(1);
  });
}

test('a watch answered by 429 waits as long as Retry-After says', async () => {
  const { clock, collection } = follower;
  collection.next('watch', (response) => refuse(response, 429, 'TooManyRequests', { 'retry-after': '7' }));
  await follower.fail();
  await clock.advance(30_000);
  await follower.watching(2);
  assert.deepEqual(follower.askedAt.watch, [0, 7_000]);
});

test('while nothing listens the cache keeps what it knew, and the attempts go on', async () => {
  const { clock, collection, failures, informer } = follower;
  await follower.follow(object('a', 1));
  await collection.server.stop();
  await follower.fail(1);
  await clock.advance(800);
  await follower.fail(2);
  assert.equal(failures[1], 'ECONNREFUSED');
  assert.deepEqual(informer.list(), ['1']);
});

for (const [name, responder] of Object.entries<Responder>({
  'HTTP 410': (response) => refuse(response, 410, 'Expired'),
  'an ERROR event 410': (response) => {
    response.write(`${JSON.stringify({ type: 'ERROR', object: statusOf(410, 'Expired') })}\n`);
  },
})) {
  test(`after ${name} it waits, and only then lists anew`, async () => {
    const { clock, collection, told } = follower;
    collection.next('watch', responder);
    await follower.fail();
    collection.items = [object('a', 300)];
    collection.resourceVersion = 300;
    await clock.advance(30_000);
    await follower.watching(2);
    assert.deepEqual(follower.askedAt.list, [0, 800]);
    assert.deepEqual(told, ['+ns/a@300']);
    assert.equal(follower.position(), '300');
  });
}

test('a new list tells what was deleted, changed and created anew in between', async () => {
  const { clock, collection, told } = follower;
  await follower.follow(object('gone', 1), object('changed', 2), object('anew', 3), object('same', 4));
  told.length = 0;
  collection.items = [object('changed', 201), object('anew', 202, 'other-uid'), object('same', 4)];
  collection.resourceVersion = 300;
  collection.send('ERROR', statusOf(410, 'Expired'));
  await follower.fail();
  await clock.advance(800);
  await follower.watching(2);
  assert.deepEqual(new Set(told), new Set(['ns/changed@2→201', '-ns/anew@3', '+ns/anew@202', '-ns/gone@1']));
  assert.ok(told.indexOf('-ns/anew@3') < told.indexOf('+ns/anew@202'));
});

test('an API server whose data went back in time is believed after five failures', async () => {
  const { clock, collection, informer } = follower;
  collection.next('watch', ...times(5, (response) => refuse(response, 504, 'Timeout')));
  collection.items = [object('a', 90)];
  await follower.fail(1);
  collection.items = [object('a', 20)];
  collection.resourceVersion = 30;
  for (const count of [2, 3, 4, 5]) {
    await clock.advance(30_000);
    await follower.fail(count);
  }
  assert.equal(informer.get('ns/a'), '90');
  await clock.advance(30_000);
  await follower.watching(6);
  assert.equal(informer.get('ns/a'), '20');
});

test('a list that is refused is tried again until it is synced', async () => {
  const { clock, collection, informer, told } = follower;
  collection.next('list', (response) => refuse(response, 403, 'Forbidden'));
  collection.items = [object('a', 1)];
  await follower.fail();
  assert.equal(informer.hasSynced, false);
  await clock.advance(800);
  await follower.watching(1);
  assert.deepEqual(told, ['+ns/a@1']);
});

test('a list that expires between two pages begins again, and nothing of it is kept', async () => {
  const { clock, collection, told } = follower;
  const metadata = { resourceVersion: '90', continue: 'next' };
  const first: Responder = (response) => answer(response, { metadata, items: [object('old', 1)] });
  collection.next('list', first, (response) => refuse(response, 410, 'Expired'));
  collection.items = [object('a', 95), object('b', 96)];
  await follower.fail();
  await clock.advance(800);
  await follower.watching(1);
  assert.deepEqual(told, ['+ns/a@95', '+ns/b@96']);
});
