import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubernetesObject } from '../../src/kubernetes/kubernetes-object.ts';
import { Store, toEntry } from '../../src/kubernetes/store.ts';
import { object } from './stand-in.ts';

const project = ({ metadata }: KubernetesObject) => metadata.resourceVersion;
const snapshot = (resourceVersion: number, ...items: KubernetesObject[]) => ({
  resourceVersion: String(resourceVersion),
  items: items.map((item) => toEntry(item, project)),
});

function createStore() {
  const told: string[] = [];
  const store = new Store(project, (key, previous, current, own) => {
    told.push(`${key} ${previous ?? '-'} ${current ?? '-'}${own ? ' own' : ''}`);
  });
  return { store, told };
}

test('our own write is told as such, once', () => {
  const { store, told } = createStore();
  store.absorb(object('a', 5));
  store.absorb(object('a', 5));
  store.observe({ type: 'ADDED', object: object('a', 5) });
  assert.deepEqual(told, ['ns/a - 5 own']);
});

test('versions are compared as numbers, not as text', () => {
  const { store } = createStore();
  store.absorb(object('a', 9));
  store.absorb(object('a', 10));
  assert.equal(store.get('ns/a'), '10');
});

test('a list that was begun before our write does not take it back', () => {
  const { store } = createStore();
  store.replace(snapshot(10, object('a', 1)));
  store.beginList();
  store.absorb(object('a', 21));
  store.absorb(object('new', 22));
  store.replace(snapshot(20, object('a', 1)));
  assert.deepEqual(store.list(), ['21', '22']);
});

test('a list that was begun after our write is believed, also when its numbers are lower', () => {
  const { store } = createStore();
  store.absorb(object('a', 21));
  store.absorb(object('b', 22));
  store.beginList();
  store.replace(snapshot(10, object('a', 5)));
  assert.deepEqual(store.list(), ['5']);
});

test('what was deleted since our write does not come back with its late answer', () => {
  const { store } = createStore();
  store.replace(snapshot(10, object('a', 1)));
  store.observe({ type: 'DELETED', object: object('a', 30) });
  store.absorb(object('a', 20));
  assert.equal(store.get('ns/a'), undefined);
});

test('an object that our own write took out of the selection goes with its event', () => {
  const { store } = createStore();
  store.replace(snapshot(10, object('a', 1)));
  store.absorb(object('a', 11));
  store.observe({ type: 'DELETED', object: object('a', 11) });
  assert.equal(store.get('ns/a'), undefined);
});

test('the deletion of a predecessor does not take what we created in its place', () => {
  const { store } = createStore();
  store.replace(snapshot(10, object('a', 1, 'old')));
  store.absorb(object('a', 12, 'new'));
  store.observe({ type: 'DELETED', object: object('a', 11, 'old') });
  assert.equal(store.get('ns/a'), '12');
});

test('an object created anew is told as gone and as new', () => {
  const { store, told } = createStore();
  store.replace(snapshot(10, object('a', 1, 'old')));
  store.observe({ type: 'ADDED', object: object('a', 12, 'new') });
  assert.deepEqual(told, ['ns/a - 1', 'ns/a 1 -', 'ns/a - 12']);
});

/** A history of one object: whether it exists, whether we wrote it, and how much later than its event the answer comes. */
const step = fc.record({ exists: fc.boolean(), ours: fc.boolean(), late: fc.integer({ min: -6, max: 6 }) });
const history = fc.array(step, {
  minLength: 1,
  maxLength: 12,
});

test('however early or late the answers to our writes come, the end is what the history says', () => {
  fc.assert(
    fc.property(history, (steps) => {
      const { store } = createStore();
      store.replace(snapshot(0));
      const answers = steps.flatMap((step, at) =>
        step.ours && step.exists ? [{ at: at + step.late, answer: object('a', at + 1) }] : [],
      );
      const deliver = (due: (at: number) => boolean) => {
        for (const { at, answer } of answers) if (due(at)) store.absorb(answer);
      };
      deliver((due) => due < 0);
      steps.forEach((step, at) => {
        store.observe({ type: step.exists ? 'MODIFIED' : 'DELETED', object: object('a', at + 1) });
        deliver((due) => due === at);
      });
      deliver((due) => due >= steps.length);
      assert.equal(store.get('ns/a'), steps.at(-1)?.exists ? String(steps.length) : undefined);
    }),
  );
});
