import type { FlyOptions } from '../../sandbox/fly/fly.ts';
import { ROLLOUT_MARKER } from '../../src/fly/fly-app.ts';
import { healthyProgram } from './crash-site.ts';

/** A start of a machine with a token that the API does not take. */
interface Refusal {
  readonly machineId: string;
  readonly token: string;
}

/** An API that refuses tokens, as the machines of an app see it that try theirs when they start. */
export class PickyApi {
  readonly #secretName: string;
  readonly #markers: unknown[] = [];
  #refusals: Refusal[] = [];
  #onlyTaken: string | undefined;

  /** @param secretName the variable in which machines find the token */
  constructor(secretName: string) {
    this.#secretName = secretName;
  }

  /** The program of every machine: one whose token is refused ends at once, with an error. */
  readonly program: FlyOptions['machineCommand'] = (boot) => {
    const { [this.#secretName]: token } = boot.env;
    const { metadata } = boot.config as { metadata?: Readonly<Record<string, unknown>> };
    const marker = metadata?.[ROLLOUT_MARKER];
    if (marker !== undefined) this.#markers.push(marker);
    if (this.#onlyTaken === undefined || token === this.#onlyTaken || token === undefined)
      return healthyProgram(boot);
    this.#refusals.push({ machineId: boot.machineId, token });
    return { command: 'false', args: [], env: {} };
  };

  /** Whether no machine started twice for the same rollout: markers name machine and version of the secrets. */
  get markersAreUnique(): boolean {
    return new Set(this.#markers).size === this.#markers.length;
  }

  /** However good any other token is. */
  refuseAllBut(token: string): void {
    this.#onlyTaken = token;
  }

  /** Takes every token again. */
  relent(): void {
    this.#onlyTaken = undefined;
  }

  /** The starts with a refused token since this was asked last. */
  takeRefusals(): readonly Refusal[] {
    const taken = this.#refusals;
    this.#refusals = [];
    return taken;
  }
}
