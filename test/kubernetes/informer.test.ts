import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Follower } from './follower.ts';
import { answer, object, type Responder } from './stand-in.ts';
import { until } from './until.ts';

let follower: Follower;
beforeEach(async () => {
  follower = await Follower.create();
});
afterEach(() => follower.end());

test('an informer lists once, then follows the changes from there', async () => {
  const { collection, informer, told } = follower;
  await follower.follow(object('a', 1), object('b', 2));
  assert.equal(informer.hasSynced, true);
  collection.send('MODIFIED', object('a', 101));
  collection.send('DELETED', object('b', 102));
  collection.send('ADDED', object('c', 103));
  await follower.hears(5);
  assert.deepEqual(told, ['+ns/a@1', '+ns/b@2', 'ns/a@1→101', '-ns/b@2', '+ns/c@103']);
  assert.deepEqual(informer.list(), ['101', '103']);
  assert.equal(informer.get('ns/b'), undefined);
});

test('an informer is not synced before the list has arrived', async () => {
  const { collection, informer } = follower;
  collection.next('list', () => undefined);
  informer.start();
  await until(() => collection.seen('list').length === 1);
  assert.equal(informer.hasSynced, false);
});

test('an informer reads long lists in pages of 500', async () => {
  const { collection, informer } = follower;
  collection.next('list', page('next', 1), page(undefined, 2));
  await follower.follow();
  assert.deepEqual(informer.list(), ['1', '2']);
  const pages = collection.seen('list').map(({ query }) => [query.get('limit'), query.get('continue')]);
  assert.deepEqual(pages, [
    ['500', null],
    ['500', 'next'],
  ]);
});

function page(token: string | undefined, version: number): Responder {
  const metadata = { resourceVersion: '100', ...(token === undefined ? {} : { continue: token }) };
  return (response) => answer(response, { metadata, items: [object(`o${version}`, version)] });
}

test('a watch asks for its selection, for bookmarks and for an end after 5 minutes', async () => {
  await follower.follow();
  const [watch] = follower.collection.seen('watch');
  assert.equal(watch?.path, '/apis/example.dev/v1/namespaces/ns/things');
  assert.deepEqual(Object.fromEntries(watch.query), {
    watch: 'true',
    allowWatchBookmarks: 'true',
    labelSelector: 'a=b',
    resourceVersion: '100',
    timeoutSeconds: '300',
  });
});

test('a watch that the API server ends is resumed from the last bookmark', async () => {
  const { collection, failures } = follower;
  await follower.follow(object('a', 1));
  collection.send('BOOKMARK', { metadata: { resourceVersion: '250' } });
  collection.endStreams();
  await follower.watching(2);
  assert.equal(follower.position(), '250');
  assert.equal(collection.seen('list').length, 1);
  assert.deepEqual(failures, []);
});

test('started twice, an informer keeps one stream', async () => {
  const { collection, informer } = follower;
  await follower.follow();
  informer.start();
  collection.send('ADDED', object('a', 101));
  await follower.hears(1);
  assert.equal(collection.seen('watch').length, 1);
  assert.equal(collection.seen('list').length, 1);
});

test('when a handler throws, every other handler and object is still told', async () => {
  const { collection, failures, informer } = follower;
  const others: string[] = [];
  informer.onChange((key) => {
    throw new Error(`handler of ${key}`);
  });
  informer.onChange((key) => others.push(key));
  await follower.follow(object('a', 1), object('b', 2));
  collection.send('ADDED', object('c', 101));
  await until(() => others.length === 3);
  assert.deepEqual(others, ['ns/a', 'ns/b', 'ns/c']);
  assert.equal(failures.length, 3);
  assert.equal(collection.streams.length, 1);
});

test('our own write shows at once and is not taken back by an older event', async () => {
  const { collection, informer, told } = follower;
  await follower.follow(object('a', 1));
  informer.absorb(object('a', 120));
  assert.equal(informer.get('ns/a'), '120');
  for (const version of [110, 120, 130]) collection.send('MODIFIED', object('a', version));
  await follower.hears(3);
  assert.deepEqual(told, ['+ns/a@1', 'ns/a@1→120', 'ns/a@120→130']);
});
