import type { CallCounts } from '../caller.ts';
import type { Tally } from './journal.ts';

/** Why the demo came to its end. */
export type Ending = 'reached' | 'interrupted' | 'timeout' | 'controllerEnded';

/** What `-o json` prints. */
export interface Summary {
  readonly ending: Ending;
  readonly refreshes: number;
  /** Undefined when none were asked for. */
  readonly refreshesWanted: number | undefined;
  /** Tokens that the first machine did not get well with. */
  readonly takenBack: number;
  /** Updates of machines. */
  readonly machinesRolled: number;
  readonly mcpCalls: number;
  /** Calls that the API refused for their token. */
  readonly refused: number;
  /** Calls that failed for any other cause. */
  readonly failed: number;
  /** Sessions opened anew since their machine was replaced: routine, no failure. */
  readonly sessionsReopened: number;
  readonly worstLifeLeftSeconds: number | undefined;
  readonly durationSeconds: number;
}

export interface Outcome {
  readonly ending: Ending;
  readonly refreshesWanted: number | undefined;
  readonly tally: Readonly<Tally>;
  /** Undefined when nothing was called. */
  readonly calls: Readonly<CallCounts> | undefined;
  readonly durationMs: number;
}

/** Exit codes of the demo. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

export function summaryOf({ ending, refreshesWanted, tally, calls, durationMs }: Outcome): Summary {
  const { ok = 0, refused = 0, failed = 0, reopened = 0 } = calls ?? {};
  const { refreshes, takenBack, machinesRolled, worstLifeLeftMs } = tally;
  return {
    ...{ ending, refreshes, refreshesWanted, takenBack, machinesRolled },
    mcpCalls: ok + refused + failed,
    ...{ refused, failed, sessionsReopened: reopened },
    worstLifeLeftSeconds: worstLifeLeftMs === undefined ? undefined : Math.round(worstLifeLeftMs / 1000),
    durationSeconds: Math.round(durationMs / 1000),
  };
}

/** 0 only when no call failed and the demo ended as asked: by its refreshes, or by Ctrl-C when none were asked for. */
export function exitCodeOf({ ending, refreshesWanted, refused, failed }: Summary): number {
  if (refused > 0 || failed > 0 || ending === 'timeout' || ending === 'controllerEnded') return EXIT.failed;
  return ending === 'interrupted' && refreshesWanted !== undefined ? EXIT.interrupted : EXIT.ok;
}

const ENDINGS: Readonly<Record<Ending, string>> = {
  reached: 'all refreshes done',
  interrupted: 'stopped by you',
  timeout: 'out of time',
  controllerEnded: 'the controller ended by itself',
};

export function summaryLines(summary: Summary): string[] {
  const { refreshesWanted, worstLifeLeftSeconds: worst } = summary;
  const wanted = refreshesWanted === undefined ? '' : ` of ${refreshesWanted}`;
  const rows: [string, string][] = [
    ['ended', ENDINGS[summary.ending]],
    ['refreshes', `${summary.refreshes}${wanted}`],
    ['tokens taken back', String(summary.takenBack)],
    ['updates of machines', String(summary.machinesRolled)],
    ['MCP calls made', String(summary.mcpCalls)],
    ['calls refused for their token', String(summary.refused)],
    ['calls failed otherwise', String(summary.failed)],
    ['sessions reopened', String(summary.sessionsReopened)],
    ['worst life left on a machine', worst === undefined ? 'none had a token' : `${worst} s`],
    ['duration', `${summary.durationSeconds} s`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(30)}${value}`);
}
