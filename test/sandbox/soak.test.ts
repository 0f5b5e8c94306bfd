import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSoak } from '../../sandbox/soak/soak-options.ts';
import { brokenPromises, resultLines, type SoakResult } from '../../sandbox/soak/soak-result.ts';

const CALLS = { ok: 900, refused: 0, reopened: 0, failed: 0 };
const STREAMS = { opened: 20, cut: 0 };
const SEEN = { mostDown: 0, worstLifeLeftMs: 12_300, tokenless: 0, restarts: 0, woken: 0, looks: 70 };

const result = (change: Partial<SoakResult> = {}): SoakResult => ({
  ...{ ending: 'reached', strategy: 'Reload', refreshes: 5, refreshesWanted: 5, durationMs: 90_000 },
  ...{ calls: CALLS, streams: STREAMS, seen: SEEN, refusals: 0, lastFailure: undefined },
  ...change,
});
/** Sessions and streams ended with their machines, which went down one by one. */
const rolled: Partial<SoakResult> = {
  calls: { ...CALLS, reopened: 100 },
  streams: { opened: 120, cut: 100 },
  seen: { ...SEEN, mostDown: 1, restarts: 15 },
};

describe('the promises of zero downtime', () => {
  it('are kept by Rolling when one machine at a time takes its sessions along, but not by Reload', () => {
    assert.deepEqual(brokenPromises(result({ ...rolled, strategy: 'Rolling' })), []);
    assert.deepEqual(brokenPromises(result(rolled)), [
      'a session was lost',
      'a stream was cut',
      'a process was replaced',
      'a machine was down',
    ]);
  });

  const breaks: Record<string, Partial<SoakResult>> = {
    'it ended early: timeout': { ending: 'timeout' },
    'a call was refused for its token': { refusals: 1 },
    'a call failed: HTTP 502': { calls: { ...CALLS, failed: 1 }, lastFailure: 'HTTP 502' },
    'a machine was up without a good token': { seen: { ...SEEN, tokenless: 1 } },
    'a machine held an expired token': { seen: { ...SEEN, worstLifeLeftMs: 0 } },
    'more than one machine was down at once': { seen: { ...SEEN, mostDown: 2 } },
    'a machine at rest was started': { seen: { ...SEEN, woken: 1 } },
  };
  for (const [what, change] of Object.entries(breaks)) {
    it(`are broken with either strategy when ${what}`, () => {
      for (const strategy of ['Rolling', 'Reload'] as const) {
        const broken = result({ strategy, ...change });
        assert.ok(brokenPromises(broken).includes(what));
        assert.ok(resultLines(broken).includes(`BROKEN: ${what}`));
      }
    });
  }

  it('are not kept by a soak in which nothing could be seen', () => {
    const blind = result({ ending: 'timeout', calls: undefined, streams: undefined, seen: undefined });
    assert.deepEqual(brokenPromises(blind), [
      'it ended early: timeout',
      'no token ever was on every machine',
    ]);
    assert.ok(brokenPromises(result({ calls: { ...CALLS, ok: 0 } })).includes('no call succeeded'));
    assert.ok(brokenPromises(result({ streams: { opened: 0, cut: 0 } })).includes('a stream was cut'));
  });
});

describe('the arguments of a soak', () => {
  it('have defaults for a long one', () => {
    const options = { strategy: 'Rolling', refreshes: 15, lifetime: 90, pause: 0 };
    assert.deepEqual(parseSoak([]), { kind: 'run', options });
  });

  it('that cannot be used are answered with what to write', () => {
    for (const [flag, value] of [
      ['--refreshes', '0'],
      ['--lifetime', '29'],
      ['--strategy', 'Stage'],
      ['--pause', 'none'],
    ] as const) {
      const parsed = parseSoak([flag, value]);
      assert.equal(parsed.kind, 'invalid', flag);
      assert.match(parsed.kind === 'invalid' ? parsed.text : '', /Write a whole number|Allowed choices/);
    }
    assert.equal(parseSoak(['--help']).kind, 'help');
  });
});
