import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type FrameModel, frame } from '../../sandbox/view/frame.ts';
import { liveView, paintFor, plainView } from '../../sandbox/view/view.ts';
import { bindingWith, condition, machine, START, snapshot } from './snapshots.ts';

const ESC = String.fromCharCode(27);
const PLAIN = paintFor(false);

const MODEL: FrameModel = {
  snapshot: snapshot({
    at: START + 20_000,
    binding: bindingWith(
      'abc',
      condition('Delivered', 'True', 'Delivered', 'It is everywhere.'),
      condition('Ready', 'True', 'Current', 'All is well.'),
    ),
    machines: [machine('m1', 'abc'), machine('m2', undefined, { health: 'missing' })],
    calls: { ok: 7, refused: 1, failed: 2, reopened: 3 },
  }),
  tally: { refreshes: 1, machinesRolled: 3, worstLifeLeftMs: 40_000 },
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
    assert.match(text, /token abc, 40 s left/);
    assert.match(text, /refreshes 1 of 2/);
    assert.match(text, /Ready=True +Current +All is well\.\n +Delivered=True/);
  });

  it('tells each machine, its token and the life left in it', () => {
    assert.match(text, /m1 +started +abc +40 s left +ok/);
    assert.match(text, /m2 +started +- +no token +missing/);
  });

  it('tells the calls and how long it has been running', () => {
    assert.match(text, /7 ok · 2 failed · 1 refused for their token · 3 sessions reopened/);
    assert.match(text, /1 min 5 s/);
  });

  it('tells only what happened last', () => {
    assert.match(text, /thing 19\./);
    assert.doesNotMatch(text, /thing 11\./);
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
    const low = frame(MODEL, PLAIN, whole.length - 3);
    assert.equal(low.length, whole.length - 3);
    assert.equal(low.at(-1), whole.at(-1));
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
