import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from './caller.ts';
import { type ControllerProcess, lastLines } from './controller-process.ts';
import { BadToken } from './demo-bad-token.ts';
import { type BindingExample, exampleBinding, exampleCredentials } from './example.ts';
import { Journal } from './view/journal.ts';
import { Observer } from './view/observer.ts';
import { isRolledOut, type Snapshot } from './view/snapshot.ts';
import type { Ending, Outcome } from './view/summary.ts';
import type { View } from './view/view.ts';
import type { World } from './world.ts';

export interface DemoSetting {
  readonly world: World;
  readonly controller: ControllerProcess;
  readonly view: View;
  /** Ends the demo when it aborts. */
  readonly signal: AbortSignal;
  readonly refreshes: number | undefined;
  /** Seconds; undefined: no limit. */
  readonly timeout: number | undefined;
  /** Whether the API refuses the second token. */
  readonly badToken: boolean;
}

export interface DemoResult {
  readonly outcome: Outcome;
  /** How the controller ended and what it logged last, when it ended by itself. */
  readonly lastWords: string | undefined;
}

export const DEMO_NAMESPACE = 'toolbridge';
export const DEMO_BINDING = 'toolbridge-api';
/** A machine is down for a second or so: none goes unseen. */
const PERIOD_MS = 250;

/** Installs and starts the controller and applies the example. @param change what is not as in the example */
export async function deployDemo(
  world: World,
  signal: AbortSignal,
  change: (binding: BindingExample) => void = () => {},
): Promise<ControllerProcess> {
  await world.installChart();
  signal.throwIfAborted();
  await world.createNamespace(DEMO_NAMESPACE);
  await world.objects.apply(await exampleCredentials(world.example));
  const controller = await world.startController();
  const binding = await exampleBinding(world.example);
  change(binding);
  await world.objects.apply([binding]);
  return controller;
}

/** Watches what becomes of the example until one of the endings. */
export function runDemo(setting: DemoSetting): Promise<DemoResult> {
  return new Demo(setting).run();
}

class Demo {
  readonly #setting: DemoSetting;
  readonly #observer: Observer;
  readonly #journal = new Journal();
  readonly #badToken: BadToken | undefined;
  readonly #startedAt = Date.now();
  #caller: Caller | undefined;
  /** Its exit code or signal once it has ended. */
  #ended: number | string | undefined;

  constructor(setting: DemoSetting) {
    this.#setting = setting;
    this.#observer = new Observer(setting.world, DEMO_NAMESPACE, DEMO_BINDING);
    this.#badToken = setting.badToken ? new BadToken(setting.world.outside) : undefined;
    void setting.controller.stopped.then((how) => {
      this.#ended = how;
    });
  }

  async run(): Promise<DemoResult> {
    let ending = this.#ending();
    while (ending === undefined) {
      const snapshot = await this.#look();
      if (snapshot) this.#show(snapshot);
      ending = this.#ending();
      if (ending === undefined) await this.#pause();
    }
    await this.#caller?.stop();
    const { tally } = this.#journal;
    const calls = this.#caller?.counts;
    const durationMs = Date.now() - this.#startedAt;
    return {
      outcome: { ending, refreshesWanted: this.#setting.refreshes, tally, calls, durationMs },
      lastWords: ending === 'controllerEnded' ? this.#lastWords() : undefined,
    };
  }

  #lastWords(): string {
    return `The controller ended by itself (${this.#ended}). Its last lines:\n${lastLines(this.#setting.controller.logLines)}`;
  }

  #ending(): Ending | undefined {
    const { signal, refreshes, timeout } = this.#setting;
    if (signal.aborted) return 'interrupted';
    if (this.#ended !== undefined) return 'controllerEnded';
    if (refreshes !== undefined && this.#journal.tally.refreshes >= refreshes) return 'reached';
    const isLate = timeout !== undefined && Date.now() - this.#startedAt > timeout * 1000;
    return isLate ? 'timeout' : undefined;
  }

  /** Undefined while the API server does not answer: the demo is there to outlive that. */
  async #look(): Promise<Snapshot | undefined> {
    try {
      return await this.#observer.look(this.#caller);
    } catch {
      return undefined;
    }
  }

  #show(snapshot: Snapshot): void {
    const { view, world, refreshes: refreshesWanted } = this.#setting;
    const journal = this.#journal;
    const news = [
      ...journal.record(snapshot),
      ...journal.add(snapshot.at, this.#badToken?.act(snapshot) ?? []),
    ];
    // Earlier calls would fail, rightly: no machine has a token.
    if (isRolledOut(snapshot)) this.#caller ??= world.startCaller();
    const { names, tally, happenings } = journal;
    view.show({ snapshot, names, tally, refreshesWanted, happenings, startedAt: this.#startedAt }, news);
  }

  async #pause(): Promise<void> {
    await sleep(PERIOD_MS, undefined, { signal: this.#setting.signal }).catch(() => {});
  }
}
