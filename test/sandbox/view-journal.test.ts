import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Journal } from '../../sandbox/view/journal.ts';
import type { Snapshot } from '../../sandbox/view/snapshot.ts';
import {
  bindingWith,
  condition,
  delivering,
  machine,
  rolledOut,
  START,
  snapshot,
  stored,
} from './snapshots.ts';

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
    assert.deepEqual(
      newsOf(rolledOut('a')).at(-1),
      'every machine that is up has the first token: the calls begin',
    );
    assert.ok(
      newsOf(rolledOut('a'), rolledOut('b')).includes(
        'refresh 1 is complete: every machine that is up has token 2',
      ),
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

describe('the tally of tokens taken back', () => {
  it('counts each once', () => {
    const rejecting = (rejectedTokenId: string) =>
      snapshot({ binding: delivering(bindingWith('a'), { tokenId: 'a', rejectedTokenId }) });
    assert.equal(tallyOf(rolledOut('a')).takenBack, 0);
    assert.equal(tallyOf(rejecting('b'), rejecting('b'), rolledOut('c'), rejecting('d')).takenBack, 2);
  });
});

describe('news', () => {
  it('tell every occurrence of an event once', () => {
    const event = { key: '1', reason: 'DriftRepaired', note: 'done', isWarning: false };
    const again = { ...event, key: '2' };
    assert.deepEqual(newsOf(snapshot({ events: [event] })), ['event DriftRepaired: done']);
    assert.deepEqual(newsOf(snapshot({ events: [event] }), snapshot({ events: [event, again] })), [
      'event DriftRepaired: done',
    ]);
  });

  it('leave out the events that the story tells in its own words', () => {
    const event = { key: '1', reason: 'RolloutStarted', note: 'so', isWarning: false };
    assert.deepEqual(newsOf(snapshot({ events: [event] })), []);
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

  it('tell what a refresh took, from the Secret to the last machine', () => {
    const calls = (ok: number) => ({ calls: { ok, refused: 0, failed: 0, reopened: 0 } });
    const before = rolledOut('a', calls(100));
    const begun = { ...before, at: START + 30_000, stored: stored('b') };
    const complete = rolledOut('b', { at: START + 35_000, ...calls(280) });
    assert.equal(
      newsOf(before, begun, complete).at(-1),
      'it took 5 s; token 1 had 25 s left; 180 calls, 0 refused',
    );
  });
});
