import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { FencedError } from '../../controller/fence.ts';
import { createLogger } from '../../controller/log.ts';
import type { Outcome } from '../../controller/reconcile.ts';
import { RUN_DEADLINE_MS, type RunResult, Workers } from '../../controller/worker.ts';
import { WorkQueue } from '../../controller/workqueue.ts';
import { OutdatedError } from '../../controller/world.ts';
import { ApiError } from '../../src/kubernetes/api-error.ts';
import { someFacts, someProgress } from '../support/binding.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { until } from '../support/until.ts';
import { Meters } from './queue-meters.ts';

const KEY = 'team/orders';
const MINUTE = 60_000;

let clock: FakeClock;
let queue: WorkQueue;
let workers: Workers;
let stopping: AbortController;
let running: Promise<void>;
/** What a run does; told its key and its signal. */
let work: (key: string, signal: AbortSignal) => Promise<Outcome | undefined>;
/** Runs that wait for it end with the test at the latest. */
let gate: PromiseWithResolvers<Outcome>;
let runs: string[];
let results: [string, RunResult, number][];
let lines: { level: string; namespace: string; name: string; run: string }[];

beforeEach(() => {
  clock = new FakeClock();
  queue = new WorkQueue(clock, new Meters());
  stopping = new AbortController();
  gate = Promise.withResolvers();
  [work, runs, results, lines] = [async () => resting(), [], [], []];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  workers = new Workers({
    ...{ queue, clock, log: createLogger({ level: 'info', clock, destination }) },
    reconcile: (key, log, signal) => {
      runs.push(key);
      log.info({}, 'at work');
      return work(key, signal);
    },
    onRun: (...result) => results.push(result),
  });
});
afterEach(async () => {
  gate.resolve(resting());
  stopping.abort();
  await queue.shutdown();
  await running;
});

function start(count = 1): void {
  running = workers.run(count, stopping.signal);
}

const resting = (wakeAt?: number): Outcome => ({
  rest: 'current',
  wakeAt,
  progress: someProgress(someFacts()),
});

const refused = (status: number, reason: string) =>
  new ApiError(
    { verb: 'patch', at: { resource: { apiVersion: 'v1', plural: 'secrets' } } },
    { status, reason },
  );

test('a key is worked on again at the time that its run asked for, and not before', async () => {
  work = async () => resting(runs.length === 1 ? clock.now() + MINUTE : undefined);
  start();
  queue.add(KEY, 'high');
  await clock.advance(MINUTE - 1);
  assert.equal(runs.length, 1);
  await clock.advance(1);
  assert.equal(runs.length, 2);
  await clock.advance(60 * MINUTE);
  assert.equal(runs.length, 2, 'a run that asks for no time is not repeated');
});

const KINDS: readonly (readonly [string, Error])[] = [
  ['outdated', new OutdatedError('moved')],
  ['outdated', refused(409, 'Conflict')],
  ['outdated', refused(404, 'NotFound')],
  ['fenced', new FencedError('no Lease')],
  ['error', refused(500, 'InternalError')],
  ['error', new Error('a fault of ours')],
];
for (const [kind, error] of KINDS) {
  test(`a run that ends with ${error.name} "${error.message}" counts as ${kind} and is tried again`, async () => {
    work = async () => {
      if (runs.length === 1) throw error;
      return resting();
    };
    start();
    queue.add(KEY, 'high');
    await clock.advance(MINUTE);
    assert.deepEqual(runs, [KEY, KEY]);
    assert.equal(results[0]?.[1].error, kind);
    assert.equal(results[1]?.[1].outcome?.rest, 'current');
    assert.deepEqual(
      lines.map(({ level }) => level),
      ['info', kind === 'error' ? 'warn' : 'info', 'info'],
    );
  });
}

test('failures in a row wait twice as long each time, and a success ends the row', async () => {
  const starts: number[] = [];
  work = async () => {
    starts.push(clock.monotonic());
    if (runs.length === 4) return resting(clock.now() + MINUTE);
    throw new Error('no luck');
  };
  start();
  queue.add(KEY, 'high');
  await clock.advance(MINUTE + 50);
  const waits = starts.slice(1).map((at, index) => at - (starts[index] ?? 0));
  assert.deepEqual(waits.slice(0, 5), [5, 10, 20, MINUTE, 5]);
});

test('a run that fails does not keep others from their turn', async () => {
  work = async (key) => {
    if (key === KEY) throw new Error('no luck');
    return resting();
  };
  start();
  queue.add(KEY, 'high');
  queue.add('team/other', 'high');
  await until(() => runs.length === 2, 'the run of the other key');
  assert.deepEqual(runs, [KEY, 'team/other']);
});

test('as many keys are worked on at once as there are workers', async () => {
  work = () => gate.promise;
  start(2);
  for (const key of ['team/a', 'team/b', 'team/c']) queue.add(key, 'high');
  await settled();
  assert.deepEqual(runs, ['team/a', 'team/b']);
  gate.resolve(resting());
  await until(() => runs.length === 3, 'the third run');
  assert.deepEqual(runs, ['team/a', 'team/b', 'team/c']);
});

test('runs that are over at once leave timers and sockets their turn', async () => {
  let again = true;
  work = async () => {
    if (again) queue.add(KEY, 'high');
    return resting();
  };
  start();
  queue.add(KEY, 'high');
  await new Promise((resolve) => setTimeout(resolve, 1));
  again = false;
  assert.ok(runs.length > 1);
});

test('the lines of a run name its binding and the run', async () => {
  start();
  queue.add(KEY, 'high');
  await clock.advance(0);
  queue.add(KEY, 'high');
  await clock.advance(0);
  assert.deepEqual(
    lines.map(({ namespace, name }) => `${namespace}/${name}`),
    [KEY, KEY],
  );
  assert.notEqual(lines[0]?.run, lines[1]?.run);
});

test('the time that a run took is told in seconds', async () => {
  work = async () => {
    clock.pause(1_500);
    return resting();
  };
  start();
  queue.add(KEY, 'high');
  await settled();
  assert.deepEqual(
    results.map(([key, , seconds]) => [key, seconds]),
    [[KEY, 1.5]],
  );
});

test('the runs under way are told when the workers are stopped', async () => {
  let seen: AbortSignal | undefined;
  work = async (_key, signal) => {
    seen = signal;
    return resting();
  };
  start();
  queue.add(KEY, 'high');
  await settled();
  assert.equal(seen?.aborted, false);
  stopping.abort();
  assert.equal(seen?.aborted, true);
});

test('a run that goes on far beyond its deadline shows as stuck, until it ends', async () => {
  work = () => gate.promise;
  start();
  queue.add(KEY, 'high');
  await settled();
  clock.pause(2 * RUN_DEADLINE_MS);
  assert.equal(workers.isStuck, false);
  clock.pause(1);
  assert.equal(workers.isStuck, true);
  gate.resolve(resting());
  await settled();
  assert.equal(workers.isStuck, false);
});
