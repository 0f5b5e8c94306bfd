import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Priority } from '../../controller/priority.ts';
import { WorkQueue } from '../../controller/workqueue.ts';
import { FakeClock } from '../support/fake-clock.ts';

type Act =
  | { do: 'add'; key: string; priority: Priority }
  | { do: 'addAfter'; key: string; ms: number; priority: Priority }
  | { do: 'fail'; key: string }
  | { do: 'forget'; key: string }
  | { do: 'take' }
  | { do: 'finish'; key: string }
  | { do: 'pass'; ms: number };

/** What the queue promises, said in the plainest way: lists searched from end to end, no timers, no sharing. */
class Model {
  now = 0;
  ready: { key: string; priority: Priority }[] = [];
  running = new Map<string, Priority>();
  again = new Map<string, Priority>();
  delayed = new Map<string, { at: number; priority: Priority }>();
  failures = new Map<string, number>();
  highInARow = 0;

  add(key: string, priority: Priority): void {
    if (this.running.has(key)) {
      if (this.again.get(key) !== 'high') this.again.set(key, priority);
      return;
    }
    const known = this.ready.find((entry) => entry.key === key);
    if (known?.priority === priority || known?.priority === 'high') return;
    this.delayed.delete(key);
    this.ready = [...this.ready.filter((entry) => entry !== known), { key, priority }];
  }

  addAfter(key: string, ms: number, priority: Priority): void {
    if (ms <= 0) {
      this.add(key, priority);
      return;
    }
    const known = this.delayed.get(key);
    const high = known?.priority === 'high' || priority === 'high';
    const at = this.now + ms;
    if (known && known.at <= at) known.priority = high ? 'high' : 'low';
    else {
      this.delayed.delete(key);
      this.delayed.set(key, { at, priority: high ? 'high' : 'low' });
    }
  }

  fail(key: string): void {
    const failures = this.failures.get(key) ?? 0;
    this.failures.set(key, failures + 1);
    this.addAfter(key, Math.min(5 * 2 ** failures, 60_000), this.running.get(key) ?? 'low');
  }

  take(): string | undefined {
    const low = this.ready.find((entry) => entry.priority === 'low');
    const high = this.ready.find((entry) => entry.priority === 'high');
    const entry = low && this.highInARow >= 4 ? low : (high ?? low);
    this.highInARow = entry === high && low ? this.highInARow + 1 : 0;
    if (!entry) return undefined;
    this.ready = this.ready.filter((other) => other !== entry);
    this.running.set(entry.key, entry.priority);
    return entry.key;
  }

  finish(key: string): void {
    this.running.delete(key);
    const priority = this.again.get(key);
    this.again.delete(key);
    if (priority) this.add(key, priority);
  }

  pass(ms: number): void {
    this.now += ms;
    const due = [...this.delayed].filter(([, entry]) => entry.at <= this.now);
    due.sort(([, a], [, b]) => a.at - b.at);
    for (const [key, entry] of due) {
      this.delayed.delete(key);
      this.add(key, entry.priority);
    }
  }
}

const KEY = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const PRIORITY = fc.constantFrom<Priority>('high', 'low');

const DELAY = fc.oneof(fc.integer({ min: -10, max: 10 }), fc.integer({ max: 4_000_000, min: 0 }));

const ACT: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), key: KEY, priority: PRIORITY }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('addAfter' as const),
      key: KEY,
      ms: DELAY,
      priority: PRIORITY,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const), key: KEY }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), key: KEY }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('finish' as const), key: KEY }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 2_000_000 }) }),
  },
);

interface Pair {
  readonly clock: FakeClock;
  readonly queue: WorkQueue;
  readonly model: Model;
}

/** Does one thing to queue and model. */
async function perform({ clock, queue, model }: Pair, act: Act): Promise<void> {
  switch (act.do) {
    case 'add':
      queue.add(act.key, act.priority);
      model.add(act.key, act.priority);
      break;
    case 'addAfter':
      queue.addAfter(act.key, act.ms, act.priority);
      model.addAfter(act.key, act.ms, act.priority);
      break;
    case 'fail':
      queue.addRateLimited(act.key);
      model.fail(act.key);
      break;
    case 'forget':
      queue.forget(act.key);
      model.failures.delete(act.key);
      break;
    case 'finish':
      if (!model.running.has(act.key)) break;
      queue.done(act.key);
      model.finish(act.key);
      break;
    case 'pass':
      await clock.advance(act.ms);
      model.pass(act.ms);
      break;
    case 'take':
      await take(queue, model);
  }
}

async function take(queue: WorkQueue, model: Model): Promise<void> {
  if (queue.length === 0) {
    assert.equal(model.take(), undefined);
    return;
  }
  const before = new Set(model.running.keys());
  const key = await queue.get();
  assert.ok(key !== undefined && !before.has(key), 'a key is never worked on twice at the same time');
  assert.equal(key, model.take());
}

test('whatever is done to it, the queue hands out what its model does, in the same order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(ACT, { maxLength: 200, size: 'max' }), async (acts) => {
      const clock = new FakeClock();
      const meters = { depth() {}, added() {}, retried() {}, queued() {} };
      const pair = { clock, queue: new WorkQueue(clock, meters), model: new Model() };
      for (const act of acts) {
        await perform(pair, act);
        assert.equal(pair.queue.length, pair.model.ready.length);
        assert.ok(clock.timers <= 1);
      }
    }),
    { numRuns: 300 },
  );
});
