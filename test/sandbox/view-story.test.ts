import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Names } from '../../sandbox/view/names.ts';
import type { MachineView, RolloutView, Snapshot } from '../../sandbox/view/snapshot.ts';
import { storyOf } from '../../sandbox/view/story.ts';
import {
  bindingWith,
  delivering,
  machine,
  restarting,
  START,
  snapshot,
  stopped,
  stored,
} from './snapshots.ts';

/** What each of the snapshots adds to the story. @param everywhere tokens that have been on every machine */
function told(snapshots: readonly Snapshot[], everywhere: readonly string[] = []): string[][] {
  const names = new Names();
  return snapshots.map((now, index) => {
    const before = snapshots[index - 1];
    const hasBeenEverywhere = (tokenId: string) => everywhere.includes(tokenId);
    return storyOf({ before, now, names, hasBeenEverywhere }).map(({ text, isTrouble }) =>
      isTrouble ? `! ${text}` : text,
    );
  });
}

/** The Secret holds one token, the app's secrets the same or an older one. */
function world(inSecret: string, inVault: string, machines: readonly MachineView[], rollout?: RolloutView) {
  const binding = delivering(bindingWith(inSecret), { tokenId: inVault }, rollout);
  return snapshot({ stored: stored(inSecret), binding, machines });
}

const OLD = [machine('m1', 'a'), machine('m2', 'a'), machine('m3', 'a')];
const RESTING = [stopped('m4', 'a'), stopped('m5', 'a', { isStandby: true })];
const [M1, M2, M3] = ['m1', 'm2', 'm3'].map((id) => machine(id, 'b', { pid: 2 })) as [
  MachineView,
  MachineView,
  MachineView,
];

describe('the story', () => {
  it('begins with who is who', () => {
    assert.deepEqual(told([snapshot({ machines: [OLD[0] as MachineView, ...RESTING] })])[0]?.slice(0, 3), [
      'machine 1 is m1, up',
      'machine 2 is m4, stopped',
      'machine 3 is m5, a standby in case another one is lost',
    ]);
  });

  it('of a rollout machine by machine tells one that goes first, those that follow, and those that rest', () => {
    const [, ...story] = told([
      world('a', 'a', [...OLD, ...RESTING]),
      world('b', 'a', [...OLD, ...RESTING]),
      world('b', 'b', [...OLD, ...RESTING]),
      world('b', 'b', [restarting('m1', 'b'), ...OLD.slice(1), ...RESTING]),
      world('b', 'b', [M1, ...OLD.slice(1), ...RESTING]),
      world('b', 'b', [M1, restarting('m2', 'b'), ...OLD.slice(2), ...RESTING]),
      world('b', 'b', [M1, M2, restarting('m3', 'b'), ...RESTING]),
      world('b', 'b', [M1, M2, M3, stopped('m4', 'b'), stopped('m5', 'b', { isStandby: true })]),
    ]);
    assert.deepEqual(story, [
      ['token 2 (b) issued, verified, stored in the Secret; 60 s left'],
      ["the app's secrets hold token 2; machines still run with token 1"],
      ['machine 1 restarts with token 2: alone, watched, the others wait'],
      ['machine 1 is up with token 2, 60 s left'],
      ['machine 1 is well with token 2; others follow, at most 1 at a time'],
      ['machine 2 is up with token 2, 60 s left'],
      [
        'machine 3 is up with token 2, 60 s left',
        'machines 4 and 5 stay stopped; they will start with token 2',
      ],
    ]);
  });

  it('of a reload tells that no machine restarts', () => {
    const reload = (...machines: MachineView[]) => world('b', 'b', machines, { strategy: 'Reload' });
    const reread = (id: string) => machine(id, 'b', { bootTokenId: 'a' });
    const [, , first, rest] = told([
      world('a', 'a', OLD),
      reload(...OLD),
      reload(reread('m1'), ...OLD.slice(1)),
      reload(reread('m1'), reread('m2'), reread('m3')),
    ]);
    assert.deepEqual(first, ['machine 1 reads token 2 from its file, no restart: watched, the others wait']);
    assert.deepEqual(rest, [
      'machine 1 is well with token 2; others follow',
      'machine 2 reads token 2 from its file, no restart, 60 s left',
      'machine 3 reads token 2 from its file, no restart, 60 s left',
    ]);
  });

  it('does not take machines that are stopped for some that follow', () => {
    const bare = machine('m2', undefined, { health: 'missing' });
    const [, second, third] = told([
      world('b', 'b', [M1, bare, stopped('m4')]),
      world('b', 'b', [M1, bare, stopped('m4', 'b')]),
      world('b', 'b', [M1, restarting('m2', 'b'), stopped('m4', 'b')]),
    ]);
    assert.deepEqual(second, ['machine 3 stays stopped; it will start with token 1']);
    assert.deepEqual(third, ['machine 1 is well with token 1; others follow, at most 1 at a time']);
  });

  it('of the first token tells that machines had none', () => {
    const bare = snapshot({ machines: [machine('m1', undefined, { health: 'missing' })] });
    assert.deepEqual(told([bare, world('a', 'a', bare.machines)])[1], [
      'token 1 (a) issued, verified, stored in the Secret; 60 s left',
      "the app's secrets hold token 1; machines have none yet",
    ]);
  });

  it('of a token that does not work tells who had it, and how that machine gets the one before', () => {
    const refused = machine('m1', 'b', { health: 'refused', pid: 2 });
    const rejected = (inVault: string, ...machines: MachineView[]) => {
      const said = { tokenId: inVault, rejectedTokenId: 'b', rollbackMachine: 'm1' };
      return { ...world('b', inVault, machines), binding: delivering(bindingWith('b'), said) };
    };
    const [, ...story] = told(
      [
        world('b', 'b', [restarting('m1', 'b'), ...OLD.slice(1)]),
        world('b', 'b', [refused, ...OLD.slice(1)]),
        rejected('b', refused, ...OLD.slice(1)),
        rejected('a', restarting('m1', 'a'), ...OLD.slice(1)),
        rejected('a', machine('m1', 'a', { pid: 3 }), ...OLD.slice(1)),
      ],
      ['a'],
    );
    assert.deepEqual(story, [
      ['machine 1 is up with token 1, 60 s left', '! the API refuses token 1 of machine 1'],
      ['! token 1 does not work and is taken back; only machine 1 had it'],
      ["the app's secrets hold token 2 again"],
      ['machine 1 is up with token 2, 60 s left'],
    ]);
  });

  it('tells a token that expired or is refused where it is in use, once', () => {
    for (const [health, text] of [
      ['expired', '! token 1 of machine 1 has expired'],
      ['refused', '! the API refuses token 1 of machine 1'],
    ] as const) {
      const bad = snapshot({ machines: [machine('m1', 'a', { health })] });
      assert.deepEqual(told([snapshot({ machines: [machine('m1', 'a')] }), bad, bad]).slice(1), [[text], []]);
    }
  });

  it('takes a process that did not answer yet for one that starts, not for one that reads a file', () => {
    const booting = machine('m1', undefined, { health: undefined, pid: 2 });
    const [, up] = told([snapshot({ machines: [booting] }), snapshot({ machines: [M1] })]);
    assert.deepEqual(up, ['machine 1 is up with token 1, 60 s left']);
  });

  it('tells how long a token lives from when it was seen', () => {
    const before = snapshot({ machines: [machine('m1')] });
    const after = snapshot({ at: START + 5000, machines: [machine('m1', 'b', { pid: 2 })] });
    assert.deepEqual(told([before, after, after]).slice(1), [
      ['machine 1 is up with token 1, 55 s left'],
      [],
    ]);
  });
});

describe('names', () => {
  it('are numbers in the order in which each was spoken of first, tokens and machines apart', () => {
    const names = new Names();
    assert.equal(names.token('x'), 'token 1');
    assert.equal(names.machine('y'), 'machine 1');
    assert.equal(names.token('z'), 'token 2');
    assert.equal(names.token('x'), 'token 1');
    assert.equal(names.machines(['y']), 'machine 1');
    assert.equal(names.machines(['y', 'p', 'q']), 'machines 1, 2 and 3');
  });
});
