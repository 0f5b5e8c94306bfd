import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Journal } from '../../sandbox/view/journal.ts';
import type { Snapshot } from '../../sandbox/view/snapshot.ts';
import { bindingWith, condition, machine, rolledOut, START, snapshot } from './snapshots.ts';

/** Texts of the news that the last of the snapshots brings. */
function newsOf(...snapshots: Snapshot[]): string[] {
  const journal = new Journal();
  return snapshots.map((one) => journal.record(one).map(({ text }) => text)).at(-1) ?? [];
}

function tallyOf(...snapshots: Snapshot[]) {
  const journal = new Journal();
  for (const one of snapshots) journal.record(one);
  return journal.tally;
}

describe('refreshes', () => {
  it('the first token on every machine is none, each later one is', () => {
    assert.equal(tallyOf(rolledOut('a')).refreshes, 0);
    assert.equal(tallyOf(rolledOut('a'), rolledOut('b'), rolledOut('b'), rolledOut('c')).refreshes, 2);
  });

  it('do not count while one machine has the old token, is not healthy, or the binding says no', () => {
    const delivered = rolledOut('b');
    const oldMachine = { machines: [machine('m1', 'b'), machine('m2', 'a')] };
    const sickMachine = { machines: [machine('m1', 'b'), machine('m2', 'b', { health: 'refused' })] };
    const undelivered = { binding: bindingWith('b', condition('Delivered', 'False')) };
    for (const more of [oldMachine, sickMachine, undelivered, { machines: [] }]) {
      assert.equal(tallyOf(rolledOut('a'), { ...delivered, ...more }).refreshes, 0, JSON.stringify(more));
    }
  });

  it('are told once, when they are complete', () => {
    assert.deepEqual(newsOf(rolledOut('a')).at(-1), 'the first token a is on every machine');
    assert.deepEqual(
      newsOf(rolledOut('a'), rolledOut('b')).at(-1),
      'refresh 1 is complete: token b is on every machine',
    );
    assert.deepEqual(newsOf(rolledOut('a'), rolledOut('b'), rolledOut('b')), []);
  });
});

describe('the tally', () => {
  it('adds up the updates of all machines', () => {
    const machines = [machine('m1', 'a', { updates: 2 }), machine('m2', 'a', { updates: 1 })];
    assert.equal(tallyOf(snapshot({ machines })).machinesRolled, 3);
  });

  it('keeps the least life left that was ever seen, also of an expired token', () => {
    const at = (ms: number) => snapshot({ at: START + ms, machines: [machine('m1', 'a')] });
    assert.equal(tallyOf(snapshot()).worstLifeLeftMs, undefined);
    assert.equal(tallyOf(at(0), at(45_000), at(10_000)).worstLifeLeftMs, 15_000);
    assert.equal(tallyOf(at(61_000)).worstLifeLeftMs, -1000);
  });
});

describe('news', () => {
  it('tell a machine that runs with another token, and how long it lives', () => {
    const before = snapshot({ machines: [machine('m1', 'a')] });
    const after = snapshot({ at: START + 5000, machines: [machine('m1', 'b')] });
    assert.deepEqual(newsOf(before, after), ['machine m1 runs with token b, 55 s left']);
    assert.deepEqual(newsOf(after, after), []);
  });

  it('tell every occurrence of an event once', () => {
    const event = { key: '1', reason: 'Refreshed', note: 'done', isWarning: false };
    const again = { ...event, key: '2' };
    assert.deepEqual(newsOf(snapshot({ events: [event] })), ['event Refreshed: done']);
    assert.deepEqual(newsOf(snapshot({ events: [event] }), snapshot({ events: [event, again] })), [
      'event Refreshed: done',
    ]);
  });

  it('tell when the binding becomes Ready or stops being so; only the latter is trouble', () => {
    const ready = (status: string) => snapshot({ binding: bindingWith('a', condition('Ready', status)) });
    const journal = new Journal();
    const told = ['False', 'True', 'True', 'False'].map((status) => journal.record(ready(status)));
    assert.deepEqual(
      told.map((news) => news.map(({ text, isTrouble }) => [text, isTrouble])),
      [
        [['binding Ready=False (Current): so', false]],
        [['binding Ready=True (Current): so', false]],
        [],
        [['binding Ready=False (Current): so', true]],
      ],
    );
  });

  it('tell calls that were refused or failed since the last look', () => {
    const calls = (refused: number, failed: number) =>
      snapshot({ calls: { ok: 9, refused, failed, reopened: 1 } });
    assert.deepEqual(newsOf(calls(0, 0)), []);
    assert.deepEqual(newsOf(calls(1, 0), calls(3, 1)), [
      '2 call(s) refused for their token',
      '1 call(s) failed',
    ]);
  });

  it('tell a machine whose token is expired or refused, once', () => {
    const bad = snapshot({ machines: [machine('m1', 'a', { health: 'expired' })] });
    assert.deepEqual(newsOf(rolledOut('a'), bad), ['machine m1 has an expired token']);
    assert.deepEqual(newsOf(bad, bad), []);
  });
});
