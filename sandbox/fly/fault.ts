import type { Action } from './route.ts';

/** What goes wrong with a request: an answer in place of the real one, or the real one lost on its way back. */
export type Fault =
  | {
      readonly kind: 'answer';
      /** HTTP status, 400..599. */
      readonly status: number;
      /** The gateway in front of the API answers in HTML or plain text. */
      readonly body: 'json' | 'html' | 'plain';
      readonly retryAfterSeconds?: number;
    }
  | { readonly kind: 'lostResponse' };

/** The switchboard of faults: each waits for the next requests of its action. */
export class Faults {
  readonly #pending: { readonly action: Action; readonly fault: Fault }[] = [];
  /** While true, the checks of every version made from now on never pass. */
  breakNewVersions = false;

  next(action: Action, fault: Fault, times = 1): void {
    for (let i = 0; i < times; i += 1) this.#pending.push({ action, fault });
  }

  /** Forgets every fault that has not struck yet and lets new versions pass their checks. */
  clear(): void {
    this.#pending.length = 0;
    this.breakNewVersions = false;
  }

  take(action: Action): Fault | undefined {
    const index = this.#pending.findIndex((pending) => pending.action === action);
    return index < 0 ? undefined : this.#pending.splice(index, 1)[0]?.fault;
  }
}

/** Content type and text of a faulty answer. */
export function faultBody(body: 'json' | 'html' | 'plain', status: number): { type: string; text: string } {
  if (body === 'json') {
    return { type: 'application/json', text: JSON.stringify({ error: `unavailable: injected ${status}` }) };
  }
  if (body === 'plain') return { type: 'text/plain', text: `upstream error ${status}\n` };
  return { type: 'text/html', text: `<html><body><h1>${status} Gateway</h1></body></html>\n` };
}
