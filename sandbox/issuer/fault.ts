import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** What can go wrong at, or on the way to, a token endpoint. */
export type Fault = { /** Number of requests it meets; for ever when absent. */ readonly times?: number } & (
  | { readonly kind: 'delay'; readonly ms: number }
  /** 429 as Auth0 sends it; `Retry-After` only when given, as only its quotas send one. */
  | { readonly kind: 'rateLimited'; readonly retryAfterSeconds?: number }
  | { readonly kind: 'serverError' /** Default 503. */; readonly status?: number }
  /** The connection ends without an answer, nothing was issued. */
  | { readonly kind: 'reset' }
  /** A page of some proxy instead of JSON. */
  | { readonly kind: 'html' /** Default 200. */; readonly status?: number }
  /** A token is issued, and the connection ends before the answer. */
  | { readonly kind: 'lostResponse' }
);

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Lets the issuer answer. */
  readonly pass: () => void;
  /** Aborts when the issuer stops. */
  readonly signal: AbortSignal;
}

function answer(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: string,
): void {
  response.writeHead(status, headers).end(body);
}

function rateLimited({ response }: Exchange, retryAfterSeconds: number | undefined): void {
  const reset = Math.ceil(Date.now() / 1000) + (retryAfterSeconds ?? 1);
  const headers = {
    'content-type': 'application/json',
    'x-ratelimit-limit': '30',
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': String(reset),
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  };
  answer(response, 429, headers, JSON.stringify({ error: 'too_many_requests' }));
}

function loseResponse({ request, response, pass }: Exchange): void {
  response.end = () => {
    request.socket.destroy();
    return response;
  };
  pass();
}

async function delay({ pass, signal }: Exchange, ms: number): Promise<void> {
  const waited = await sleep(ms, true, { signal }).catch(() => false);
  if (waited) pass();
}

/** Plays a fault on one request. */
export async function playFault(fault: Fault, exchange: Exchange): Promise<void> {
  switch (fault.kind) {
    case 'delay':
      return delay(exchange, fault.ms);
    case 'rateLimited':
      return rateLimited(exchange, fault.retryAfterSeconds);
    case 'serverError':
      return answer(exchange.response, fault.status ?? 503, { 'content-type': 'text/plain' }, 'unavailable');
    case 'reset':
      exchange.request.socket.destroy();
      return;
    case 'html':
      return answer(
        exchange.response,
        fault.status ?? 200,
        { 'content-type': 'text/html' },
        '<!doctype html><title>One moment</title><p>We are checking your connection.',
      );
    case 'lostResponse':
      return loseResponse(exchange);
  }
}
