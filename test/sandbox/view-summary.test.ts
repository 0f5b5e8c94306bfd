import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exitCodeOf, type Outcome, summaryLines, summaryOf } from '../../sandbox/view/summary.ts';

const GOOD: Outcome = {
  ending: 'reached',
  refreshesWanted: 2,
  tally: { refreshes: 2, takenBack: 1, machinesRolled: 6, worstLifeLeftMs: 28_600 },
  calls: { ok: 100, refused: 0, failed: 0, reopened: 3 },
  durationMs: 61_400,
};
const codeOf = (change: Partial<Outcome>) => exitCodeOf(summaryOf({ ...GOOD, ...change }));

describe('the exit code', () => {
  it('is 0 when the refreshes were reached and no call failed, sessions reopened or not', () => {
    assert.equal(codeOf({}), 0);
  });

  it('is 1 when a call was refused for its token or failed, however it ended', () => {
    for (const ending of ['reached', 'interrupted'] as const) {
      assert.equal(codeOf({ ending, calls: { ok: 100, refused: 1, failed: 0, reopened: 0 } }), 1);
      assert.equal(codeOf({ ending, calls: { ok: 100, refused: 0, failed: 1, reopened: 0 } }), 1);
    }
  });

  it('is 1 when the time was up or the controller ended', () => {
    assert.equal(codeOf({ ending: 'timeout' }), 1);
    assert.equal(codeOf({ ending: 'controllerEnded', refreshesWanted: undefined }), 1);
  });

  it('of Ctrl-C is 0 for a demo without an end of its own, and 130 before its refreshes were reached', () => {
    assert.equal(codeOf({ ending: 'interrupted', refreshesWanted: undefined }), 0);
    assert.equal(codeOf({ ending: 'interrupted' }), 130);
  });
});

describe('the summary', () => {
  it('tells what was asked for and what came of it', () => {
    assert.deepEqual(summaryOf(GOOD), {
      ending: 'reached',
      refreshes: 2,
      refreshesWanted: 2,
      takenBack: 1,
      machinesRolled: 6,
      mcpCalls: 100,
      refused: 0,
      failed: 0,
      sessionsReopened: 3,
      worstLifeLeftSeconds: 29,
      durationSeconds: 61,
    });
  });

  it('counts every call, good or bad', () => {
    const calls = { ok: 10, refused: 2, failed: 1, reopened: 5 };
    assert.equal(summaryOf({ ...GOOD, calls }).mcpCalls, 13);
  });

  it('is complete also when nothing was called and no machine had a token', () => {
    const tally = { refreshes: 0, takenBack: 0, machinesRolled: 0, worstLifeLeftMs: undefined };
    const text = summaryLines(summaryOf({ ...GOOD, ending: 'timeout', tally, calls: undefined })).join('\n');
    assert.match(text, /ended +out of time/);
    assert.match(text, /refreshes +0 of 2/);
    assert.match(text, /MCP calls made +0/);
    assert.match(text, /calls refused for their token 0/);
    assert.match(text, /worst life left on a machine +none had a token/);
  });
});
