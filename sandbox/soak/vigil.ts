import type { MachineInspection } from '../fly/fly.ts';
import { askHealth } from '../health-answer.ts';
import type { World } from '../world.ts';

/** What was seen of the machines in the course of a soak. */
export interface Sightings {
  /** Most machines at once that had been up and did not serve. */
  mostDown: number;
  /** Least life left, in ms, of the token on a machine that was up; undefined before the first was seen. */
  worstLifeLeftMs: number | undefined;
  /** Looks at a machine that was up and had no token, one that expired or one that was refused. */
  tokenless: number;
  /** Processes that took the place of another. */
  restarts: number;
  /** Looks at a machine that was up and should have been at rest. */
  woken: number;
  /** Looks at the tokens of machines. */
  looks: number;
}

/** A restart takes ten times as long: none goes unseen. */
const STATE_PERIOD_MS = 50;
const TOKEN_PERIOD_MS = 250;
const HEALTH_DEADLINE_MS = 2_000;
const WITHOUT_TOKEN: ReadonlySet<string> = new Set(['missing', 'expired', 'refused']);

/** Watches the machines of the world's app: which of them serve, and what each says of its token. */
export class Vigil {
  readonly seen: Sightings = {
    ...{ mostDown: 0, worstLifeLeftMs: undefined, tokenless: 0 },
    ...{ restarts: 0, woken: 0, looks: 0 },
  };
  readonly #world: World;
  readonly #resting: ReadonlySet<string>;
  readonly #pids = new Map<string, number>();
  readonly #timers: readonly NodeJS.Timeout[];
  #looking: Promise<void> = Promise.resolve();

  /** Starts at once. @param resting ids of the machines that are to stay as they are */
  constructor(world: World, resting: readonly string[]) {
    this.#world = world;
    this.#resting = new Set(resting);
    this.#timers = [
      setInterval(() => this.#lookAtStates(), STATE_PERIOD_MS),
      setInterval(() => this.#lookAtTokens(), TOKEN_PERIOD_MS),
    ];
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#looking;
  }

  #machines(): MachineInspection[] {
    const { fly, app } = this.#world.outside;
    return fly.machines(app);
  }

  #lookAtStates(): void {
    const up = this.#machines().filter(({ id }) => !this.#resting.has(id));
    const down = up.filter((machine) => !isServing(machine)).length;
    this.seen.mostDown = Math.max(this.seen.mostDown, down);
    for (const { id, pid } of up) this.#notePid(id, pid);
    this.seen.woken += this.#machines().filter(({ id, pid }) => this.#resting.has(id) && pid).length;
  }

  #notePid(id: string, pid: number | undefined): void {
    if (pid === undefined) return;
    const before = this.#pids.get(id);
    if (before !== undefined && before !== pid) this.seen.restarts += 1;
    this.#pids.set(id, pid);
  }

  /** One look after the other, so that slow answers do not pile up. */
  #lookAtTokens(): void {
    this.#looking = this.#looking.then(async () => {
      const urls = this.#machines().flatMap(({ state, url }) => (state === 'started' && url ? [url] : []));
      await Promise.all(urls.map((url) => this.#lookAtToken(url)));
    });
  }

  async #lookAtToken(url: string): Promise<void> {
    const health = await askHealth(url, HEALTH_DEADLINE_MS);
    if (!health) return;
    this.seen.looks += 1;
    if (WITHOUT_TOKEN.has(health.state)) this.seen.tokenless += 1;
    const { exp } = health.token ?? {};
    if (exp === undefined) return;
    this.seen.worstLifeLeftMs = Math.min(this.seen.worstLifeLeftMs ?? Infinity, exp * 1000 - Date.now());
  }
}

function isServing({ state, checks }: MachineInspection): boolean {
  return state === 'started' && checks.length > 0 && checks.every(({ status }) => status === 'passing');
}
