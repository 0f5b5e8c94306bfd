import type { CallCounts, StreamCounts } from '../caller.ts';
import type { Strategy } from '../fleet.ts';
import type { Ending } from '../view/summary.ts';
import type { Sightings } from './vigil.ts';

/** What became of the clients and the machines. */
export interface SoakResult {
  readonly ending: Ending;
  readonly strategy: Strategy;
  readonly refreshes: number;
  readonly refreshesWanted: number;
  /** Undefined, with `streams` and `seen`, when no token ever was on every machine. */
  readonly calls: Readonly<CallCounts> | undefined;
  readonly streams: Readonly<StreamCounts> | undefined;
  /** What the latest of `calls.failed` was. */
  readonly lastFailure: string | undefined;
  readonly seen: Readonly<Sightings> | undefined;
  /** 401s of the API, whoever asked. */
  readonly refusals: number;
  readonly durationMs: number;
}

type Claim = readonly [broken: boolean, what: string];

/** Which of the promises of zero downtime were broken; empty when all were kept. */
export function brokenPromises(result: SoakResult): string[] {
  const { ending, calls, streams, seen, strategy } = result;
  const ended: Claim = [ending !== 'reached', `it ended early: ${ending}`];
  if (!calls || !streams || !seen) return [...broken([ended]), 'no token ever was on every machine'];
  const always: Claim[] = [
    ended,
    [calls.ok === 0, 'no call succeeded'],
    [calls.refused > 0 || result.refusals > 0, 'a call was refused for its token'],
    [calls.failed > 0, `a call failed: ${result.lastFailure}`],
    [seen.looks === 0 || seen.tokenless > 0, 'a machine was up without a good token'],
    [(seen.worstLifeLeftMs ?? 0) <= 0, 'a machine held an expired token'],
    [seen.mostDown > 1, 'more than one machine was down at once'],
    [seen.woken > 0, 'a machine at rest was started'],
  ];
  const undisturbed: Claim[] = [
    [calls.reopened > 0, 'a session was lost'],
    [streams.opened === 0 || streams.cut > 0, 'a stream was cut'],
    [seen.restarts > 0, 'a process was replaced'],
    [seen.mostDown > 0, 'a machine was down'],
  ];
  return broken(strategy === 'Reload' ? [...always, ...undisturbed] : always);
}

const broken = (claims: readonly Claim[]) => claims.filter(([isBroken]) => isBroken).map(([, what]) => what);

/** The result for people, a line for each number. */
export function resultLines(result: SoakResult): string[] {
  const { strategy, refreshes, refreshesWanted, calls, streams, seen, refusals, durationMs } = result;
  const { ok = 0, refused = 0, failed = 0, reopened = 0 } = calls ?? {};
  const worst = seen?.worstLifeLeftMs;
  const rows: [string, string | number][] = [
    ['strategy', strategy],
    ['refreshes', `${refreshes} of ${refreshesWanted}`],
    ['MCP calls made', ok + refused + failed],
    ['calls refused for their token', refused],
    ['calls failed otherwise', failed],
    ['refusals by the API', refusals],
    ['sessions broken', reopened],
    ['streams cut', `${streams?.cut ?? 0} of ${streams?.opened ?? 0}`],
    ['processes replaced', seen?.restarts ?? 0],
    ['most machines down at once', seen?.mostDown ?? 0],
    [
      'worst life left on a machine',
      worst === undefined ? 'none had a token' : `${(worst / 1000).toFixed(1)} s`,
    ],
    ['looks at a token', seen?.looks ?? 0],
    ['duration', `${Math.round(durationMs / 1000)} s`],
  ];
  const promises = brokenPromises(result);
  const verdict = promises.length === 0 ? ['all promises kept'] : promises.map((what) => `BROKEN: ${what}`);
  return [...rows.map(([name, value]) => `${name.padEnd(30)}${value}`), ...verdict];
}
