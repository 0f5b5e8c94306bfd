import type { TokenFault } from './token-fault.ts';
import type { WireFault } from './wire-fault.ts';

/** What can go wrong with a request for a token. */
export type Fault = { /** Number of requests it meets; for ever when absent. */ readonly times?: number } & (
  | WireFault
  | TokenFault
);

export interface FaultScope {
  /** Whose requests it meets; everybody's when absent. */
  readonly clientId?: string;
}

interface Armed {
  readonly fault: Fault;
  left: number;
}

/** The faults in force, one for each client and one for all, and how often they may still strike. */
export class FaultSwitch {
  readonly #armed = new Map<string | undefined, Armed>();

  /** Replaces the one before of the same scope. */
  set(fault: Fault, { clientId }: FaultScope = {}): void {
    this.#armed.set(clientId, { fault, left: fault.times ?? Number.POSITIVE_INFINITY });
  }

  /** Without a scope: all of them. */
  clear(scope?: FaultScope): void {
    if (scope) this.#armed.delete(scope.clientId);
    else this.#armed.clear();
  }

  /** The fault that strikes a request of the client: its own before everybody's. */
  take(clientId: string | undefined): Fault | undefined {
    const armed = [this.#armed.get(clientId), this.#armed.get(undefined)];
    const striking = armed.find((each) => each !== undefined && each.left > 0);
    if (striking) striking.left -= 1;
    return striking?.fault;
  }
}
