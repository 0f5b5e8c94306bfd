import type { IncomingMessage, ServerResponse } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { Authority } from '../pki.ts';
import { listenTls, type TlsServer } from '../tls-server.ts';
import { ApiError, refusal } from './api-error.ts';
import { type Fault, faultBody } from './fault.ts';
import { admit, authenticate, dispatch, type Match, matchRoute, type Platform } from './gateway.ts';
import { ulid } from './identifier.ts';
import { isRecord } from './machine-config.ts';
import type { Reply } from './route.ts';

/** One request on its way: what the endpoints do not need to know. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly requestId: string;
}

/** Serves the Machines API of `platform`. */
export async function startApiServer(platform: Platform, authority: Authority): Promise<TlsServer> {
  const server = await listenTls(authority, 'fly');
  server.serve((request, response) => {
    const requestId = `${ulid(platform.now())}-sandbox`;
    void serve(platform, { request, response, url: urlOf(request), requestId });
  });
  return server;
}

async function serve(platform: Platform, exchange: Exchange): Promise<void> {
  const { request, response, url, requestId } = exchange;
  response.setHeader('fly-request-id', requestId);
  const match = matchRoute(request.method ?? '', url);
  if (!match)
    return send(response, { status: 501, body: { error: 'the sandbox does not model this endpoint' } });
  const { app, machine } = match;
  const { action } = match.route;
  const fault = platform.faults.take({ action, app, machine });
  const atMs = platform.now();
  const log = (status: number) => platform.requests.add({ action, app, machine, status, requestId, atMs });
  if (fault?.kind === 'answer' || fault?.kind === 'lostRequest') {
    log(fault.kind === 'answer' ? fault.status : 0);
    if (fault.kind === 'answer') sendFault(response, fault);
    else request.socket.destroy();
    return;
  }
  if (fault?.kind === 'slow') await pause(fault.delayMs, undefined, { ref: false });
  const reply = await answer(platform, match, exchange);
  const isLost = fault?.kind === 'lostResponse';
  log(isLost ? 0 : reply.status);
  if (isLost) request.socket.destroy();
  else send(response, reply);
}

async function answer(platform: Platform, match: Match, exchange: Exchange): Promise<Reply> {
  try {
    return await act(platform, match, exchange);
  } catch (error) {
    const { status, body, headers } = error instanceof ApiError ? error : refusal(500, 'internal');
    for (const [name, value] of Object.entries(headers)) exchange.response.setHeader(name, value);
    return { status, body };
  }
}

async function act(platform: Platform, match: Match, exchange: Exchange): Promise<Reply> {
  const { request, response, url, requestId } = exchange;
  const { authorization } = request.headers;
  const { route } = match;
  const grants = authenticate(platform, authorization);
  if (route.of === 'token') return route.handle({ grants });
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const { app, machine } = admit(platform, match, grants);
  const body = await readBody(request);
  const call = {
    app,
    key: match.key,
    query: url.searchParams,
    body,
    nonce: request.headers['fly-machine-lease-nonce']?.toString(),
    requestId,
    nowMs: platform.now(),
    signal: gone.signal,
    breaksVersions: platform.faults.breakNewVersions,
    behaviour: platform.behaviour,
  };
  return await dispatch(match, call, machine);
}

/** @throws ApiError 400 when there is a body that is no JSON object */
async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(request);
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // Falls through: no JSON at all.
  }
  throw refusal(400, 'invalid_argument: the body must be a JSON object');
}

function send(response: ServerResponse, { status, body }: Reply): void {
  if (body === undefined) response.writeHead(status).end();
  else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function sendFault(response: ServerResponse, fault: Fault & { kind: 'answer' }): void {
  const { type, text } = faultBody(fault);
  if (fault.retryAfterSeconds !== undefined)
    response.setHeader('retry-after', String(fault.retryAfterSeconds));
  response.writeHead(fault.status, { 'content-type': type }).end(text);
}

function urlOf(request: IncomingMessage): URL {
  return new URL(request.url ?? '/', 'https://localhost');
}
