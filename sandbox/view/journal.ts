import type { CallCounts } from '../caller.ts';
import { Names } from './names.ts';
import { Refreshes } from './refreshes.ts';
import { conditionOf, deliveryOf, type EventView, type Snapshot } from './snapshot.ts';
import { type News, storyOf } from './story.ts';

/** Something that happened between two snapshots, in a line. */
export interface Happening {
  /** Epoch ms. */
  readonly at: number;
  readonly text: string;
  readonly isTrouble: boolean;
}

/** What it comes to in the end. */
export interface Tally {
  /** Tokens, after the first, that came to be on every machine. */
  refreshes: number;
  /** Tokens that the first machine did not get well with. */
  takenBack: number;
  /** Updates of machines. */
  machinesRolled: number;
  /** Least life left, in ms, of a token on a machine that was up; undefined before the first was seen. */
  worstLifeLeftMs: number | undefined;
}

/** Events whose news the story tells in its own words. */
const TOLD: ReadonlySet<string> = new Set([
  ...['TokenIssued', 'SecretWritten', 'Refreshed', 'RolloutStarted', 'RolloutSucceeded'],
  // That tokens of the sandbox live for a minute or so is no news to anybody.
  'LifetimeTooShort',
]);

/** Tells from one snapshot to the next what happened, and counts. */
export class Journal {
  readonly names = new Names();
  readonly happenings: Happening[] = [];
  readonly tally: Tally = { refreshes: 0, takenBack: 0, machinesRolled: 0, worstLifeLeftMs: undefined };
  readonly #refreshes = new Refreshes(this.names);
  readonly #events = new Set<string>();
  readonly #rejected = new Set<string>();
  #before: Snapshot | undefined;

  /** Adds the news since the last snapshot and returns them. */
  record(snapshot: Snapshot): readonly Happening[] {
    const { names } = this;
    const before = this.#before;
    const hasBeenEverywhere = (tokenId: string) => this.#refreshes.includes(tokenId);
    this.#refreshes.begin(snapshot);
    const news = [
      ...storyOf({ before, now: snapshot, names, hasBeenEverywhere }),
      ...this.#eventNews(snapshot),
      ...callNews(before, snapshot),
      ...readyNews(before, snapshot),
      ...this.#refreshes.complete(snapshot),
    ];
    this.#count(snapshot);
    this.#before = snapshot;
    return this.add(snapshot.at, news);
  }

  /** Adds what no snapshot shows. @param at epoch ms */
  add(at: number, news: readonly News[]): readonly Happening[] {
    const told = news.map((one): Happening => ({ at, isTrouble: false, ...one }));
    this.happenings.push(...told);
    return told;
  }

  #eventNews({ events }: Snapshot): News[] {
    const isNew = ({ key }: EventView) => !this.#events.has(key);
    const news = events
      .filter((event) => isNew(event) && !TOLD.has(event.reason))
      .map(({ reason, note, isWarning }) => ({ text: `event ${reason}: ${note}`, isTrouble: isWarning }));
    for (const { key } of events) this.#events.add(key);
    return news;
  }

  #count(snapshot: Snapshot): void {
    const { machines, at } = snapshot;
    const rejected = deliveryOf(snapshot)?.rejectedTokenId;
    if (rejected !== undefined) this.#rejected.add(rejected);
    this.tally.takenBack = this.#rejected.size;
    this.tally.refreshes = this.#refreshes.count;
    this.tally.machinesRolled = machines.reduce((sum, { updates }) => sum + updates, 0);
    for (const { expiresAt } of machines) {
      if (expiresAt === undefined) continue;
      this.tally.worstLifeLeftMs = Math.min(this.tally.worstLifeLeftMs ?? Infinity, expiresAt - at);
    }
  }
}

function readyNews(before: Snapshot | undefined, snapshot: Snapshot): News[] {
  const ready = conditionOf(snapshot, 'Ready');
  const previous = before && conditionOf(before, 'Ready');
  if (!ready || previous?.status === ready.status) return [];
  const text = `binding Ready=${ready.status} (${ready.reason}): ${ready.message}`;
  // A binding begins without a token; only one that had one and lost it is in trouble.
  return [{ text, isTrouble: previous?.status === 'True' }];
}

function callNews(before: Snapshot | undefined, { calls }: Snapshot): News[] {
  if (!calls) return [];
  const grown = (name: keyof CallCounts) => calls[name] - (before?.calls?.[name] ?? 0);
  return [
    ...(grown('refused') > 0
      ? [{ text: `${grown('refused')} call(s) refused for their token`, isTrouble: true }]
      : []),
    ...(grown('failed') > 0 ? [{ text: `${grown('failed')} call(s) failed`, isTrouble: true }] : []),
  ];
}
