import type { Action } from './action.ts';

/** What goes wrong with a request. */
export type Fault =
  /** An answer in place of the real one: nothing is done. */
  | {
      readonly kind: 'answer';
      /** HTTP status, 400..599. */
      readonly status: number;
      /** The gateway in front of the API answers in HTML or plain text. */
      readonly body: 'json' | 'html' | 'plain';
      /** `error` of a JSON body, for example `CAPACITY`. */
      readonly error?: string;
      readonly retryAfterSeconds?: number;
    }
  /** The connection is cut before anything is done. */
  | { readonly kind: 'lostRequest' }
  /** All is done, and the connection cut before the answer. */
  | { readonly kind: 'lostResponse' }
  /** Done and answered as usual, after this long. */
  | { readonly kind: 'slow'; readonly delayMs: number };

/** The 412 of a host that is full. */
export const CAPACITY =
  'failed_precondition: insufficient resources available: could not reserve resource for machine';
/** The 503 of a host under maintenance. */
export const HOST_CLOSED =
  'unavailable: deploys to this host are temporarily disabled, please try again later';

/** What a request names. */
export interface FaultTarget {
  readonly action: Action;
  readonly app: string;
  /** Machine id; empty for requests to the app itself. */
  readonly machine: string;
}

export interface FaultAim {
  /** Default 1. */
  readonly times?: number;
  /** Any when absent. */
  readonly app?: string;
  readonly machine?: string;
}

interface PendingFault extends FaultAim {
  readonly action: Action;
  readonly fault: Fault;
}

/** The switchboard of faults: each waits for the next requests of its action. */
export class Faults {
  readonly #pending: PendingFault[] = [];
  /** While true, the checks of every version made from now on never pass. */
  breakNewVersions = false;
  /** How many of the next updates the platform gives up on: the machine returns to its version before, silently. */
  revertUpdates = 0;
  /** How long every start takes before the program runs, in ms. */
  bootDelayMs = 0;
  /** Asked about every request for which no fault is pending; for faults by chance or without end. */
  choose: ((target: FaultTarget) => Fault | undefined) | undefined;

  next(action: Action, fault: Fault, aim: number | FaultAim = {}): void {
    const { times = 1, ...where } = typeof aim === 'number' ? { times: aim } : aim;
    for (let i = 0; i < times; i += 1) this.#pending.push({ action, fault, ...where });
  }

  /** Forgets every fault that has not struck yet and sets every switch back. */
  clear(): void {
    this.#pending.length = 0;
    this.breakNewVersions = false;
    this.revertUpdates = 0;
    this.bootDelayMs = 0;
    this.choose = undefined;
  }

  take(target: FaultTarget): Fault | undefined {
    const index = this.#pending.findIndex((pending) => aimsAt(pending, target));
    return index < 0 ? this.choose?.(target) : this.#pending.splice(index, 1)[0]?.fault;
  }

  /** Whether the update that is made now will be taken back. */
  takeRevert(): boolean {
    if (this.revertUpdates === 0) return false;
    this.revertUpdates -= 1;
    return true;
  }
}

function aimsAt(pending: PendingFault, target: FaultTarget): boolean {
  const { action, app = target.app, machine = target.machine } = pending;
  return action === target.action && app === target.app && machine === target.machine;
}

/** Content type and text of a faulty answer. */
export function faultBody({ body, status, error }: Fault & { kind: 'answer' }): {
  type: string;
  text: string;
} {
  if (body === 'json') {
    const json = { error: error ?? `unavailable: injected ${status}` };
    return { type: 'application/json', text: JSON.stringify(json) };
  }
  if (body === 'plain') return { type: 'text/plain', text: `upstream error ${status}\n` };
  return { type: 'text/html', text: `<html><body><h1>${status} Gateway</h1></body></html>\n` };
}
