import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { FaultSwitch } from './fault.ts';
import { type Rate, RateLimit } from './rate-limit.ts';
import type { Tenant } from './tenant.ts';
import { readTokenCall, type TokenCall } from './token-call.ts';
import { isTokenFault } from './token-fault.ts';
import { playFault, tooManyRequests } from './wire-fault.ts';

export interface TokenEndpointParts {
  readonly tenant: Tenant;
  readonly faults: FaultSwitch;
  /** The issuer behind. */
  readonly answer: RequestListener;
}

/** What stands in front of the issuer's token endpoint: its rate limit, and what can go wrong. */
export class TokenEndpoint {
  readonly #parts: TokenEndpointParts;
  readonly #stopping = new AbortController();
  #rateLimit: RateLimit | undefined;

  constructor(parts: TokenEndpointParts) {
    this.#parts = parts;
  }

  /** With a full bucket; undefined lifts the limit. */
  setRateLimit(rate: Rate | undefined): void {
    this.#rateLimit = rate && new RateLimit(rate, this.#parts.tenant.now());
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#parts.tenant.ledger.requests.total += 1;
    const call = await readTokenCall(request, response).catch(() => undefined);
    if (call && this.#admit(call)) this.#meet(call);
  }

  /** Ends the faults that are under way. */
  stop(): void {
    this.#stopping.abort();
  }

  #admit({ response, clientId }: TokenCall): boolean {
    const { tenant } = this.#parts;
    const atMs = tenant.now();
    const admission = this.#rateLimit?.admit(atMs);
    const rateLimited = admission?.admitted === false;
    tenant.ledger.received.push({ atMs, clientId, rateLimited });
    response.setHeaders(new Headers(admission?.headers));
    if (!rateLimited) return true;
    tenant.ledger.requests.rateLimited += 1;
    tooManyRequests(response, {});
    return false;
  }

  #meet({ request, response, clientId }: TokenCall): void {
    const { answer, faults, tenant } = this.#parts;
    const pass = () => void answer(request, response);
    const fault = faults.take(clientId);
    if (fault) tenant.ledger.requests.faulted += 1;
    if (fault && !isTokenFault(fault)) {
      void playFault(fault, { request, response, pass, signal: this.#stopping.signal });
      return;
    }
    if (fault) tenant.tokenFaults.set(response, fault);
    pass();
  }
}
