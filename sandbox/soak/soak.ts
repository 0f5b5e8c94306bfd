import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from '../caller.ts';
import type { ControllerProcess } from '../controller-process.ts';
import { DEMO_BINDING, DEMO_NAMESPACE, deployDemo } from '../demo.ts';
import { addResting, rollBy, type Strategy } from '../fleet.ts';
import { type Happening, Journal } from '../view/journal.ts';
import { Observer } from '../view/observer.ts';
import { isRolledOut } from '../view/snapshot.ts';
import type { Ending } from '../view/summary.ts';
import type { World } from '../world.ts';
import type { SoakResult } from './soak-result.ts';
import { Vigil } from './vigil.ts';

/** Besides a standby. */
const STOPPED = 2;
const SESSIONS = 20;
const PERIOD_MS = 500;

export interface SoakSetting {
  /** Without chart; its app has `MACHINES_UP` machines. */
  readonly world: World;
  readonly strategy: Strategy;
  /** Tokens after the first: 1.. */
  readonly refreshes: number;
  /** Of each session between two calls, in ms. */
  readonly pauseMs: number;
  /** From the start of the controller on. */
  readonly timeoutMs: number;
  /** Ends the soak when it aborts. */
  readonly signal: AbortSignal;
  readonly onNews: (news: Happening) => void;
}

/** Lets clients call an app all the time while its token is renewed again and again, and tells how they fared. */
export async function runSoak(setting: SoakSetting): Promise<SoakResult> {
  const { world, strategy, signal } = setting;
  const resting = await addResting(world, STOPPED);
  const controller = await deployDemo(world, signal, (binding) => rollBy(binding, strategy));
  return new Soak(setting, controller, resting).run();
}

class Soak {
  readonly #setting: SoakSetting;
  readonly #resting: readonly string[];
  readonly #observer: Observer;
  readonly #journal = new Journal();
  readonly #startedAt = Date.now();
  #watch: { caller: Caller; vigil: Vigil; refusedBefore: number } | undefined;
  #hasEnded = false;

  constructor(setting: SoakSetting, controller: ControllerProcess, resting: readonly string[]) {
    this.#setting = setting;
    this.#resting = resting;
    this.#observer = new Observer(setting.world, DEMO_NAMESPACE, DEMO_BINDING);
    void controller.stopped.then(() => {
      this.#hasEnded = true;
    });
  }

  async run(): Promise<SoakResult> {
    const { signal } = this.#setting;
    let ending = this.#ending();
    while (ending === undefined) {
      await this.#look();
      ending = this.#ending();
      if (ending === undefined) await sleep(PERIOD_MS, undefined, { signal }).catch(() => {});
    }
    const result = this.#result(ending);
    await this.#watch?.caller.stop();
    await this.#watch?.vigil.stop();
    return result;
  }

  #ending(): Ending | undefined {
    const { signal, refreshes, timeoutMs } = this.#setting;
    if (signal.aborted) return 'interrupted';
    if (this.#hasEnded) return 'controllerEnded';
    if (this.#journal.tally.refreshes >= refreshes) return 'reached';
    return Date.now() - this.#startedAt > timeoutMs ? 'timeout' : undefined;
  }

  async #look(): Promise<void> {
    const snapshot = await this.#observer.look(this.#watch?.caller);
    for (const news of this.#journal.record(snapshot)) this.#setting.onNews(news);
    // Earlier calls would fail, rightly: no machine has a token.
    if (!this.#watch && isRolledOut(snapshot)) this.#begin();
  }

  #begin(): void {
    const { world, pauseMs } = this.#setting;
    this.#watch = {
      caller: world.startCaller(SESSIONS, pauseMs),
      vigil: new Vigil(world, this.#resting),
      refusedBefore: world.outside.api.totals().refused,
    };
  }

  #result(ending: Ending): SoakResult {
    const { strategy, refreshes: refreshesWanted, world } = this.#setting;
    const { caller, vigil, refusedBefore = 0 } = this.#watch ?? {};
    const { refreshes } = this.#journal.tally;
    return {
      ...{ ending, strategy, refreshes, refreshesWanted },
      calls: caller && { ...caller.counts },
      streams: caller && { ...caller.streams },
      lastFailure: caller?.lastFailure(),
      seen: vigil && { ...vigil.seen },
      refusals: world.outside.api.totals().refused - refusedBefore,
      durationMs: Date.now() - this.#startedAt,
    };
  }
}
