import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObservedMachine } from '../../src/fly/observed-machine.ts';
import { readReloadNote, reloadNoteFor, reloadNoteKey } from '../../src/fly/reload-note.ts';
import { aMachine, NOW } from './machine-fixture.ts';

const KEY = reloadNoteKey('marker', '/run/token');

/** A machine that carries the note. */
function carrying(note: string, change: Partial<ObservedMachine> = {}): ObservedMachine {
  return aMachine({ ...change, metadata: new Map([[KEY, note]]) });
}

test('a note is read back from the machine that it was made for', () => {
  const note = reloadNoteFor(aMachine(), 7, NOW);
  assert.deepEqual(readReloadNote(carrying(note), KEY), { secretsVersion: 7, sameBoot: true, at: NOW });
});

test('a note tells of another boot when the process has been started since, or is down', () => {
  const note = reloadNoteFor(aMachine(), 7, NOW);
  assert.equal(readReloadNote(carrying(note, { startedAt: NOW }), KEY)?.sameBoot, false);
  assert.equal(readReloadNote(carrying(note, { state: 'stopped' }), KEY)?.sameBoot, false);
});

test('a note on another machine or another version is none: a clone and an update bring it along', () => {
  const note = reloadNoteFor(aMachine(), 7, NOW);
  assert.equal(readReloadNote(carrying(note, { id: 'm2' }), KEY), undefined);
  assert.equal(readReloadNote(carrying(note, { instanceId: 'v2' }), KEY), undefined);
});

test('where no start is told, the first start that is told is another boot', () => {
  const note = reloadNoteFor(aMachine({ startedAt: undefined }), 7, NOW);
  assert.equal(readReloadNote(carrying(note, { startedAt: undefined }), KEY)?.sameBoot, true);
  assert.equal(readReloadNote(carrying(note, { startedAt: NOW }), KEY)?.sameBoot, false);
});

test('what is not shaped like a note is none', () => {
  for (const note of ['', 'm1', 'm1:v1:1:7', 'm1:v1:1:7:x', 'm1:v1:1:7:2:3']) {
    assert.equal(readReloadNote(carrying(note), KEY), undefined);
  }
  assert.equal(readReloadNote(aMachine(), KEY), undefined);
});

test('each file has a key of its own, which does not show its path', () => {
  assert.notEqual(KEY, reloadNoteKey('marker', '/run/other'));
  assert.match(KEY, /^marker_[0-9a-f]{8}$/);
});
