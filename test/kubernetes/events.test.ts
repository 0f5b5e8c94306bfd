import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { ApiError } from '../../src/kubernetes/api-error.ts';
import { connect, type KubernetesClient } from '../../src/kubernetes/client.ts';
import type { EventMessage } from '../../src/kubernetes/event.ts';
import { EventRecorder } from '../../src/kubernetes/events.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Responder, refuse, type StandIn, startStandIn } from './stand-in.ts';
import { until } from './until.ts';

const BINDING = { apiVersion: 'g/v1', kind: 'TokenBinding', namespace: 'ns', name: 'b', uid: 'u' };
const say = (note: string): EventMessage => ({
  type: 'Normal',
  reason: 'Refreshed',
  action: 'Refresh',
  note,
});

let server: StandIn;
let client: KubernetesClient;
let clock: FakeClock;
let events: EventRecorder;
let lost: ApiError[];

beforeEach(async () => {
  server = await startStandIn();
  client = connect(server.kubeConfig, { deadlineMs: 5_000, userAgent: 'test' });
  clock = new FakeClock();
  lost = [];
  const onError = (error: ApiError) => lost.push(error);
  events = new EventRecorder({ client, clock, random: () => 0, instance: 'pod-1', onError });
});
afterEach(async () => {
  await client.close();
  await server.stop();
});

const bodies = () => server.requests.map(({ body }) => body as Record<string, unknown>);
const notes = () => bodies().map(({ note }) => note);

/** Answers the first requests in the given ways, and all later ones well. */
function answerFirst(...responders: Responder[]): void {
  server.respond((response, request) => {
    const odd = responders.shift();
    if (odd === undefined) response.writeHead(201).end('{}');
    else odd(response, request);
  });
}

test('an event names the object, the writer and the moment with six digits', async () => {
  events.record(BINDING, say('Token is good until noon.'));
  await events.flush(1_000);
  assert.equal(server.requests[0]?.path, '/apis/events.k8s.io/v1/namespaces/ns/events');
  const { metadata, ...event } = bodies()[0] as { metadata: { name: string; namespace: string } };
  assert.match(metadata.name, /^b\.[0-9a-f]+$/);
  assert.deepEqual(event, {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    eventTime: '2026-01-15T10:30:17.250000Z',
    reportingController: 'tokenbinding-controller',
    reportingInstance: 'pod-1',
    regarding: BINDING,
    ...say('Token is good until noon.'),
  });
});

test('events arrive in order, each under a name of its own also within a millisecond', async () => {
  for (const note of ['1', '2', '3']) events.record(BINDING, say(note));
  await events.flush(1_000);
  assert.deepEqual(notes(), ['1', '2', '3']);
  assert.equal(new Set(bodies().map(({ metadata }) => (metadata as { name: string }).name)).size, 3);
});

test('a long note is cut to 1,024 bytes at a whole character, a long name to what is valid', async () => {
  events.record({ ...BINDING, name: 'n'.repeat(253) }, say(`x${'é'.repeat(600)}`));
  await events.flush(1_000);
  const [event] = bodies() as { note: string; metadata: { name: string } }[];
  assert.equal(event?.note, `x${'é'.repeat(511)}`);
  assert.ok(event.metadata.name.length <= 253);
});

test('an API server that is unwell is asked again with the same event', async () => {
  answerFirst((response) => refuse(response, 500, 'InternalError'));
  events.record(BINDING, say('1'));
  await until(() => server.requests.length === 1 && clock.timers === 1);
  await clock.advance(800);
  await events.flush(1_000);
  assert.deepEqual(bodies()[0], bodies()[1]);
  assert.deepEqual(lost, []);
});

test('an event whose first answer got lost is not sent a third time', async () => {
  answerFirst(
    (response) => response.destroy(),
    (response) => refuse(response, 409, 'AlreadyExists'),
  );
  events.record(BINDING, say('1'));
  await until(() => server.requests.length === 1 && clock.timers === 1);
  await clock.advance(800);
  await events.flush(1_000);
  assert.equal(server.requests.length, 2);
  assert.deepEqual(lost, []);
});

test('a refusal for good loses that event only', async () => {
  answerFirst((response) => refuse(response, 403, 'Forbidden'));
  events.record(BINDING, say('1'));
  events.record(BINDING, say('2'));
  await events.flush(1_000);
  assert.deepEqual(notes(), ['1', '2']);
  assert.deepEqual(
    lost.map(({ reason }) => reason),
    ['Forbidden'],
  );
});

test('after five attempts an event is given up', async () => {
  server.respond((response) => refuse(response, 500, 'InternalError'));
  events.record(BINDING, say('1'));
  for (let attempt = 1; attempt < 5; attempt += 1) {
    await until(() => server.requests.length === attempt && clock.timers === 1);
    await clock.advance(30_000);
  }
  await until(() => lost.length === 1);
  assert.equal(server.requests.length, 5);
});

test('no more than 1,000 events wait', async () => {
  const held: (() => void)[] = [];
  server.respond((response) => held.push(() => response.writeHead(201).end('{}')));
  for (let i = 0; i <= 1_500; i += 1) events.record(BINDING, say(String(i)));
  await until(() => held.length === 1);
  answerFirst();
  for (const release of held) release();
  await events.flush(60_000);
  assert.equal(server.requests.length, 1_001);
});

test('what is recorded after flush was called is not sent', async () => {
  events.record(BINDING, say('before'));
  const flushed = events.flush(1_000);
  events.record(BINDING, say('after'));
  await flushed;
  assert.deepEqual(notes(), ['before']);
});

test('flush waits no longer than it is told, and nothing is sent afterwards', async () => {
  server.respond(() => undefined);
  events.record(BINDING, say('1'));
  events.record(BINDING, say('2'));
  await until(() => server.requests.length === 1);
  const flushed = events.flush(2_000);
  await clock.advance(2_000);
  await flushed;
  assert.equal(server.requests.length, 1);
  assert.equal(clock.timers, 0);
});
