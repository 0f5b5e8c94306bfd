import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Follower } from './follower.ts';
import { object, refuse, statusOf } from './stand-in.ts';
import { until } from './until.ts';

let follower: Follower;
beforeEach(async () => {
  follower = await Follower.create();
});
afterEach(() => follower.end());

test('an ERROR event 500 is reported, and the watch goes on', async () => {
  const { clock, collection, failures } = follower;
  await follower.follow(object('a', 1));
  collection.send('ERROR', statusOf(500, 'InternalError'));
  await follower.fail();
  assert.deepEqual(failures, ['InternalError']);
  await clock.advance(800);
  await follower.watching(2);
  assert.equal(collection.seen('list').length, 1);
});

for (const line of [
  '{"type":"MODIFIED","object":{"meta',
  'null',
  '{}',
  '{"type":"ADDED","object":null}',
  '{"type":"NEW","object":{"metadata":{"resourceVersion":"1"}}}',
]) {
  test(`a line that is no event (${line}) loses no update: it lists anew`, async () => {
    const { clock, collection, failures, informer } = follower;
    await follower.follow(object('a', 1));
    collection.items = [object('a', 150)];
    collection.resourceVersion = 150;
    collection.write(`${line}\n`);
    await follower.fail();
    assert.deepEqual(failures, ['MalformedAnswer']);
    await clock.advance(800);
    await follower.watching(2);
    assert.equal(informer.get('ns/a'), '150');
  });
}

test('an event that is cut off is asked for again', async () => {
  const { collection } = follower;
  await follower.follow();
  collection.send('ADDED', object('a', 101));
  collection.write('{"type":"ADDED","object":{"meta');
  await follower.hears(1);
  collection.endStreams();
  await follower.watching(2);
  assert.equal(follower.position(), '101');
});

test('a stream without a byte for 100 s is taken for dead', async () => {
  const { clock, collection, failures } = follower;
  await follower.follow();
  await clock.advance(60_000);
  collection.send('ADDED', object('a', 200));
  await follower.hears(1);
  await clock.advance(99_999);
  assert.deepEqual(failures, []);
  await clock.advance(1);
  await follower.fail();
  assert.deepEqual(failures, ['Silent']);
  await clock.advance(800);
  await follower.watching(2);
  assert.equal(follower.position(), '200');
});

test('a stream that ends at once does not make it spin', async () => {
  const { clock, collection, failures } = follower;
  collection.next('watch', (response) => response.writeHead(200).end());
  await follower.fail();
  assert.deepEqual(failures, ['ClosedAtOnce']);
  await clock.advance(30_000);
  await follower.watching(2);
  assert.deepEqual(follower.askedAt.watch, [0, 800]);
});

/** Stops, lets an hour pass, and sees that nothing is asked for, reported or left. */
async function stopsForGood(): Promise<void> {
  const { clock, collection, failures, informer } = follower;
  const failed = failures.length;
  await informer.stop();
  assert.equal(clock.timers, 0);
  const asked = collection.server.requests.length;
  informer.start();
  await clock.advance(3_600_000);
  await until(() => collection.streams.length === 0);
  assert.equal(collection.server.requests.length, asked);
  assert.equal(failures.length, failed);
}

test('stopped during a watch, no stream and no timer is left', async () => {
  await follower.follow();
  await stopsForGood();
});

test('stopped during a list, no watch is opened afterwards', async () => {
  const { collection, informer } = follower;
  collection.next('list', () => undefined);
  informer.start();
  await until(() => collection.seen('list').length === 1);
  await stopsForGood();
});

test('stopped during a wait, no watch is opened afterwards', async () => {
  follower.collection.next('watch', (response) => refuse(response, 500, 'InternalError'));
  await follower.fail();
  await stopsForGood();
});
