import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import { type WatchEvent, watchStream } from '../../src/kubernetes/watch-stream.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { object } from './stand-in.ts';

/** Reads a stream of these chunks to its end. */
async function read(chunks: Iterable<Uint8Array>, clock = new FakeClock()): Promise<WatchEvent[]> {
  const unused = () => Promise.reject(new Error('not used'));
  const stream = async () =>
    (async function* () {
      yield* chunks;
    })();
  const client: KubernetesClient = { call: unused, stream, close: unused };
  const at = { resource: { apiVersion: 'v1', plural: 'things' } };
  const { signal } = new AbortController();
  const options = { clock, resourceVersion: '1', timeoutSeconds: 300, signal };
  const events: WatchEvent[] = [];
  for await (const event of watchStream(client, { at }, options)) events.push(event);
  return events;
}

const added = (name: string, version: number): WatchEvent => ({
  type: 'ADDED',
  object: object(name, version),
});
const inLines = (events: readonly WatchEvent[]) =>
  events.map((event) => `${JSON.stringify(event)}\n`).join('');

test('wherever the bytes are cut, also within a character, the events are the same', async () => {
  const events = [added('ä', 1), added('b', 2), added('🔑', 3)];
  const bytes = Buffer.from(inLines(events));
  const cuts = fc.uniqueArray(fc.nat(bytes.length));
  await fc.assert(
    fc.asyncProperty(cuts, async (places) => {
      const ends = [...places.toSorted((left, right) => left - right), bytes.length];
      const chunks = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
      assert.deepEqual(await read(chunks), events);
    }),
  );
});

test('empty lines say nothing', async () => {
  assert.deepEqual(await read([Buffer.from(`\n\r\n${inLines([added('a', 1)])}\n`)]), [added('a', 1)]);
});

test('a last line that is not finished is no event', async () => {
  const whole = inLines([added('a', 1)]);
  assert.deepEqual(await read([Buffer.from(whole + whole.trimEnd())]), [added('a', 1)]);
});

test('no timer is left at its end', async () => {
  const clock = new FakeClock();
  await read([Buffer.from(inLines([added('a', 1)]))], clock);
  assert.equal(clock.timers, 0);
});
