import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type FrameModel, frame } from '../../sandbox/view/frame.ts';
import { Names } from '../../sandbox/view/names.ts';
import { paintFor } from '../../sandbox/view/paint.ts';
import { liveView, plainView } from '../../sandbox/view/view.ts';
import {
  bindingWith,
  condition,
  delivering,
  machine,
  START,
  snapshot,
  stopped,
  stored,
} from './snapshots.ts';

const ESC = String.fromCharCode(27);
const PLAIN = paintFor(false);

const MODEL: FrameModel = {
  names: new Names(),
  snapshot: snapshot({
    at: START + 20_000,
    binding: delivering(
      bindingWith(
        'abc',
        condition('Delivered', 'True', 'Delivered', 'It is everywhere.'),
        condition('Issued', 'True', 'Issued', 'It was issued.'),
        condition('Ready', 'True', 'Current', 'All is well.'),
      ),
      { tokenId: 'abc' },
    ),
    stored: stored('abc'),
    machines: [
      machine('m1', 'abc'),
      machine('m2', undefined, { health: 'missing' }),
      stopped('m3', 'abc'),
      stopped('m4', undefined, { isStandby: true }),
    ],
    calls: { ok: 7, refused: 1, failed: 2, reopened: 3 },
  }),
  tally: { refreshes: 1, takenBack: 0, machinesRolled: 3, worstLifeLeftMs: 40_000 },
  refreshesWanted: 2,
  happenings: Array.from({ length: 20 }, (_, index) => ({
    at: START,
    text: `thing ${index}.`,
    isTrouble: false,
  })),
  startedAt: START - 45_000,
};

function output(columns: number, rows: number) {
  const written: string[] = [];
  return { columns, rows, written, write: (text: string) => written.push(text) };
}

describe('a frame', () => {
  const lines = frame(MODEL, PLAIN);
  const text = lines.join('\n');

  it('tells the binding, its token and its conditions, Ready first', () => {
    assert.match(text, /Binding {2}toolbridge\/toolbridge-api/);
    assert.match(text, /token 1 \(abc\), 40 s left/);
    assert.match(text, /Secret: token 1; the app's secrets: token 1/);
    assert.match(text, /refreshes 1 of 2/);
    assert.match(text, /Ready=True +Current +All is well\.\n +Delivered=True/);
    assert.doesNotMatch(text, /Issued=/, 'which says nothing that the others do not');
  });

  it('names a token as it is named in what happened', () => {
    const names = new Names();
    names.token('earlier');
    assert.match(frame({ ...MODEL, names }, PLAIN).join('\n'), /token 2 \(abc\)/);
  });

  it('tells each machine, its token and the life left in it', () => {
    assert.match(text, /1 {2}m1 +started +token 1 +40 s left +ok/);
    assert.match(text, /2 {2}m2 +started +no token +missing/);
  });

  it('tells what machines that are stopped will start with', () => {
    assert.match(text, /3 {2}m3 +stopped +gets token 1 at its next start/);
    assert.match(text, /4 {2}m4 +standby +no token yet/);
  });

  it('marks old tokens, and the machine on which a new one is tried, in color and in words', () => {
    const binding = delivering(bindingWith('new', condition('Delivered', 'False', 'RollingOut')), {
      tokenId: 'new',
    });
    const machines = [machine('m1', 'old'), machine('m2', 'new'), machine('m3', 'old')];
    const painted = frame(
      { ...MODEL, names: new Names(), snapshot: { ...MODEL.snapshot, binding, machines } },
      (colour, part) => `<${colour}>${part}`,
    ).join('\n');
    assert.match(painted, /m1 .*<yellow>token \d, old/);
    assert.match(painted, /m2 .*<green>token 1 .*ok, goes first/);
    assert.match(painted, /m3 .*<yellow>token \d, old.*ok$/m);
    assert.match(painted, /<yellow>Delivered=False/, 'under way, which is no trouble');
    const more = [machine('m1', 'new'), ...machines.slice(1)];
    const later = frame({ ...MODEL, snapshot: { ...MODEL.snapshot, binding, machines: more } }, PLAIN).join(
      '\n',
    );
    assert.doesNotMatch(later, /goes first/);
  });

  it('fits its machines into 80 columns', () => {
    const id = '93d96b53d4f5e8';
    const machines = [
      machine(id, 'abc', { state: 'replacing', health: undefined, tokenId: undefined, expiresAt: undefined }),
      machine('11edc5265ee830', 'old', { expiresAt: START + 3_620_000 }),
    ];
    const lines = frame({ ...MODEL, snapshot: { ...MODEL.snapshot, machines } }, PLAIN);
    const line = lines.find((one) => one.includes(id)) ?? '';
    assert.match(line, /no answer, goes first$/);
    assert.ok(line.length <= 80, `${line.length}`);
  });

  it('tells the calls and how long it has been running', () => {
    assert.match(text, /7 ok · 2 failed · 1 refused for their token · 3 sessions reopened/);
    assert.match(text, /1 min 5 s/);
  });

  it('tells only what happened last', () => {
    assert.match(text, /thing 19\./);
    assert.doesNotMatch(text, /thing 7\./);
  });

  it('wraps what happened between words, three lines of it at most', () => {
    const text = Array.from({ length: 40 }, (_, index) => `word${index}`).join(' ');
    const happenings = [{ at: START, text, isTrouble: false }];
    const told = frame({ ...MODEL, happenings }, PLAIN, { rows: 50, columns: 40 }).slice(-3);
    assert.match(told[0] ?? '', /^ {2}\d\d:\d\d:\d\d word0 word1 word2 word3/);
    assert.match(told[1] ?? '', /^ {11}word5 /);
    assert.match(told[2] ?? '', /^ {11}word10 .*…$/);
    assert.ok(told.slice(0, 2).every((line) => line.length <= 40));
  });

  it('has a shape also before there is anything', () => {
    const bare = frame({ ...MODEL, snapshot: snapshot(), happenings: [] }, PLAIN).join('\n');
    assert.match(bare, /no token yet/);
    assert.match(bare, /none yet: they begin when/);
  });
});

describe('the live view', () => {
  it('paints over its last picture', () => {
    const terminal = output(200, 100);
    const view = liveView(terminal, PLAIN);
    view.show(MODEL, []);
    view.show(MODEL, []);
    const height = frame(MODEL, PLAIN).length;
    assert.ok(terminal.written[1]?.startsWith(`${ESC}[${height}A\r${ESC}[K`));
    assert.ok(terminal.written[1]?.endsWith(`${ESC}[0J`));
  });

  it('shows the newest happenings on a low terminal, and leaves out older ones', () => {
    const whole = frame(MODEL, PLAIN);
    for (let rows = 1; rows < whole.length; rows++) {
      const low = frame(MODEL, PLAIN, { rows, columns: 80 });
      assert.ok(low.length <= rows);
      if (rows > 20) assert.equal(low.at(-1), whole.at(-1));
    }
  });

  it('keeps within the terminal, with colours and without', () => {
    for (const paint of [PLAIN, paintFor(true)]) {
      const terminal = output(30, 12);
      liveView(terminal, paint).show(MODEL, []);
      const lines = stripVTControlCharacters(terminal.written.join('')).split('\n');
      assert.ok(lines.length <= 12);
      assert.deepEqual(
        lines.filter((line) => line.length > 30),
        [],
      );
    }
  });
});

describe('the plain view', () => {
  it('writes a line with the time for each happening, and how the calls go every ten seconds', () => {
    const file = output(0, 0);
    const view = plainView(file, PLAIN);
    const later = (ms: number) => ({ ...MODEL, snapshot: { ...MODEL.snapshot, at: START + ms } });
    view.show(later(0), []);
    view.show(later(5000), [{ at: START, text: 'token b is there', isTrouble: true }]);
    view.show(later(10_000), []);
    const time = new Date(START).toTimeString().slice(0, 8);
    const [calls, news, callsAgain, ...rest] = file.written;
    assert.match(calls ?? '', /^\d\d:\d\d:\d\d calls: 7 ok/);
    assert.equal(news, `${time} token b is there\n`);
    assert.match(callsAgain ?? '', /calls: 7 ok/);
    assert.deepEqual(rest, []);
  });

  it('writes no control characters without colours', () => {
    const file = output(0, 0);
    plainView(file, PLAIN).show(MODEL, MODEL.happenings);
    const text = file.written.join('');
    assert.equal(text, stripVTControlCharacters(text));
  });
});
