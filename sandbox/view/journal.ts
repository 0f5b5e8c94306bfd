import type { CallCounts } from '../caller.ts';
import { conditionOf, currentTokenId, isRolledOut, type MachineView, type Snapshot } from './snapshot.ts';

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
  /** Updates of machines. */
  machinesRolled: number;
  /** Least life left, in ms, of a token on a machine that was up; undefined before the first was seen. */
  worstLifeLeftMs: number | undefined;
}

/** Tells from one snapshot to the next what happened, and counts. */
export class Journal {
  readonly happenings: Happening[] = [];
  readonly tally: Tally = { refreshes: 0, machinesRolled: 0, worstLifeLeftMs: undefined };
  readonly #rolledOut = new Set<string>();
  readonly #events = new Set<string>();
  #before: Snapshot | undefined;

  /** Adds the news since the last snapshot and returns them. */
  record(snapshot: Snapshot): readonly Happening[] {
    const news = [
      ...this.#eventNews(snapshot),
      ...machineNews(this.#before, snapshot),
      ...readyNews(this.#before, snapshot),
      ...callNews(this.#before, snapshot),
      ...this.#rolloutNews(snapshot),
    ].map((one): Happening => ({ at: snapshot.at, isTrouble: false, ...one }));
    this.#count(snapshot);
    this.#before = snapshot;
    this.happenings.push(...news);
    return news;
  }

  #eventNews({ events }: Snapshot): News[] {
    const fresh = events.filter(({ key }) => !this.#events.has(key));
    for (const { key } of fresh) this.#events.add(key);
    return fresh.map(({ reason, note, isWarning }) => ({
      text: `event ${reason}: ${note}`,
      isTrouble: isWarning,
    }));
  }

  #rolloutNews(snapshot: Snapshot): News[] {
    const id = currentTokenId(snapshot);
    if (id === undefined || this.#rolledOut.has(id) || !isRolledOut(snapshot)) return [];
    this.#rolledOut.add(id);
    this.tally.refreshes = this.#rolledOut.size - 1;
    const first = this.tally.refreshes === 0;
    const what = first ? 'the first token' : `refresh ${this.tally.refreshes} is complete: token`;
    return [{ text: `${what} ${id} is on every machine` }];
  }

  #count({ machines, at }: Snapshot): void {
    this.tally.machinesRolled = machines.reduce((sum, { updates }) => sum + updates, 0);
    for (const { expiresAt } of machines) {
      if (expiresAt === undefined) continue;
      this.tally.worstLifeLeftMs = Math.min(this.tally.worstLifeLeftMs ?? Infinity, expiresAt - at);
    }
  }
}

type News = Omit<Happening, 'at' | 'isTrouble'> & { readonly isTrouble?: boolean };

function machineNews(before: Snapshot | undefined, { machines, at }: Snapshot): News[] {
  const known = new Map(before?.machines.map((machine) => [machine.id, machine]));
  return machines.flatMap((machine) => [
    ...tokenNews(known.get(machine.id), machine, at),
    ...healthNews(known.get(machine.id), machine),
  ]);
}

function tokenNews(before: MachineView | undefined, machine: MachineView, at: number): News[] {
  const { id, tokenId, expiresAt } = machine;
  if (tokenId === undefined || tokenId === before?.tokenId) return [];
  const left = expiresAt === undefined ? '' : `, ${Math.round((expiresAt - at) / 1000)} s left`;
  return [{ text: `machine ${id} runs with token ${tokenId}${left}` }];
}

function healthNews(before: MachineView | undefined, { id, health }: MachineView): News[] {
  const isBad = health === 'expired' || health === 'refused';
  return isBad && before?.health !== health
    ? [{ text: `machine ${id} has an ${health} token`, isTrouble: true }]
    : [];
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
