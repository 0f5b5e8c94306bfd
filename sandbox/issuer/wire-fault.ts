import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { rateHeaders } from './rate-limit.ts';

/** What can go wrong at, or on the way to, a token endpoint. Unless it says so nothing is issued. */
export type WireFault =
  /** A token is issued. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** 429 as Auth0 sends it; `Retry-After` only when given, as only its quotas send one. */
  | { readonly kind: 'rateLimited'; readonly retryAfterSeconds?: number }
  | { readonly kind: 'serverError' /** Default 503. */; readonly status?: number }
  /** The connection ends without an answer. */
  | { readonly kind: 'reset' }
  /** A page of some proxy instead of JSON. */
  | { readonly kind: 'html' /** Default 200. */; readonly status?: number }
  /** 200 that calls itself JSON and is none. */
  | { readonly kind: 'notJson' }
  /** A token is issued, and the connection ends before the answer. */
  | { readonly kind: 'lostResponse' }
  /** A token is issued; the `Date` of the answer is that much ahead, or behind when negative. */
  | { readonly kind: 'clockSkew'; readonly ms: number }
  /** 200 and correct JSON, but for its size. */
  | { readonly kind: 'hugeBody' /** Default 10 MB. */; readonly bytes?: number }
  /** A body that goes on until the client leaves. */
  | { readonly kind: 'endlessBody' }
  /** A header that goes on until the client leaves, byte by byte. */
  | { readonly kind: 'slowHeaders' /** Between two bytes; default 1000. */; readonly everyMs?: number }
  | { readonly kind: 'redirect'; readonly location: string /** Default 302. */; readonly status?: number };

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Lets the issuer answer. */
  readonly pass: () => void;
  /** Aborts when the issuer stops. */
  readonly signal: AbortSignal;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const DEFAULT_HUGE_BYTES = 10_000_000;
const PAGE = '<!doctype html><title>One moment</title><p>We are checking your connection.';

/** Plays a fault on one request. */
export async function playFault(fault: WireFault, exchange: Exchange): Promise<void> {
  const { request, response, pass, signal } = exchange;
  switch (fault.kind) {
    case 'delay':
      if (await sleep(fault.ms, true, { signal }).catch(() => false)) pass();
      return;
    case 'rateLimited':
      return rateLimited(response, fault.retryAfterSeconds);
    case 'serverError':
      return answer(response, fault.status ?? 503, { 'content-type': 'text/plain' }, 'unavailable');
    case 'reset':
      request.socket.destroy();
      return;
    case 'html':
      return answer(response, fault.status ?? 200, { 'content-type': 'text/html' }, PAGE);
    case 'notJson':
      return answer(response, 200, JSON_TYPE, '{"access_token": ');
    case 'lostResponse':
      return loseResponse(exchange);
    case 'clockSkew':
      response.setHeader('date', new Date(Date.now() + fault.ms).toUTCString());
      return pass();
    case 'hugeBody':
      return hugeBody(response, fault.bytes ?? DEFAULT_HUGE_BYTES);
    case 'endlessBody':
      return endlessBody(response);
    case 'slowHeaders':
      return slowHeaders(exchange, fault.everyMs ?? 1000);
    case 'redirect':
      return answer(response, fault.status ?? 302, { location: fault.location }, '');
  }
}

function answer(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: string,
): void {
  response.writeHead(status, headers).end(body);
}

/** Auth0's answer to one request too many. */
export function tooManyRequests(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  answer(response, 429, { ...JSON_TYPE, ...headers }, JSON.stringify({ error: 'too_many_requests' }));
}

function rateLimited(response: ServerResponse, retryAfterSeconds: number | undefined): void {
  const headers = rateHeaders(30, 0, Date.now() / 1000 + (retryAfterSeconds ?? 1));
  if (retryAfterSeconds !== undefined) headers['retry-after'] = String(retryAfterSeconds);
  tooManyRequests(response, headers);
}

function loseResponse({ request, response, pass }: Exchange): void {
  response.end = () => {
    request.socket.destroy();
    return response;
  };
  pass();
}

function hugeBody(response: ServerResponse, bytes: number): void {
  const body = { token_type: 'Bearer', expires_in: 3600, access_token: '' };
  body.access_token = 'a'.repeat(Math.max(0, bytes - JSON.stringify(body).length));
  answer(response, 200, JSON_TYPE, JSON.stringify(body));
}

async function endlessBody(response: ServerResponse): Promise<void> {
  const chunk = Buffer.alloc(16_384, 'a');
  function* chunks() {
    yield Buffer.from('{"access_token":"');
    for (;;) yield chunk;
  }
  response.writeHead(200, JSON_TYPE);
  // It can only end by the client's leaving, which pipeline calls an error.
  await pipeline(Readable.from(chunks(), { objectMode: false }), response).catch(() => undefined);
}

function slowHeaders({ request: { socket } }: Exchange, everyMs: number): void {
  socket.write('HTTP/1.1 200 OK\r\nx-slow: ');
  const timer = setInterval(() => socket.write('a'), everyMs);
  socket.once('close', () => clearInterval(timer));
}
