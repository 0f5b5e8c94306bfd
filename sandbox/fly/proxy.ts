import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Authority } from '../pki.ts';
import { listenTls, type TlsServer } from '../tls-server.ts';
import type { App } from './app.ts';
import { wakeOne } from './autostart.ts';
import type { Boot } from './boot.ts';
import type { Machine } from './machine.ts';

const SESSION_HEADER = 'mcp-session-id';

/**
 * Fly's proxy in front of one app, over HTTPS: sends each request to a machine that is started with all checks
 * passing, in turn. One that is being stopped or updated gets no new request; those under way may end.
 * A request with an `Mcp-Session-Id` goes to the machine that issued it as long as that one serves. A machine
 * that refuses the connection is passed over; without any left one with `autostart` is woken, and the answer is
 * 503 when there is none, and 502 when the machine breaks off before it answered.
 */
export async function startProxy(app: App, authority: Authority): Promise<TlsServer> {
  const router = createRouter(app);
  const server = await listenTls(authority, app.name);
  server.serve((request, response) => {
    forward(app, router, { request, response }).catch(() => {
      // The machine broke off: before its headers the client can still be told so.
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    });
  });
  return server;
}

/** How long a request waits for a machine that it woke. */
const WAKE_TIMEOUT_MS = 30_000;

interface Router {
  /** Machines to try, best first. */
  candidates(session: string | undefined): Machine[];
  remember(session: string, machine: Machine): void;
}

function createRouter(app: App): Router {
  const issuers = new Map<string, string>();
  let turn = 0;
  return {
    candidates: (session) => {
      const serving = app.machines.filter((machine) => machine.serving);
      turn += 1;
      const start = serving.length > 0 ? turn % serving.length : 0;
      const rotated = [...serving.slice(start), ...serving.slice(0, start)];
      const issuer = rotated.find((machine) => machine.id === issuers.get(session ?? ''));
      return issuer ? [issuer, ...rotated.filter((machine) => machine !== issuer)] : rotated;
    },
    remember: (session, machine) => issuers.set(session, machine.id),
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function forward(app: App, router: Router, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const body = await buffer(request);
  if (await offer(router, exchange, body)) return;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const patience = AbortSignal.any([gone.signal, AbortSignal.timeout(WAKE_TIMEOUT_MS)]);
  if ((await wakeOne(app, patience)) && (await offer(router, exchange, body))) return;
  response
    .writeHead(503, { 'content-type': 'text/plain' })
    .end('no machine of the app can serve the request\n');
}

/** Offers the request to the machines that serve; false when none takes it. */
async function offer(router: Router, { request, response }: Exchange, body: Buffer): Promise<boolean> {
  for (const machine of router.candidates(request.headers[SESSION_HEADER]?.toString())) {
    const upstream = machine.boot && (await ask(machine.boot, request, { body, client: response }));
    if (!upstream) continue;
    const session = upstream.headers[SESSION_HEADER]?.toString();
    if (session) router.remember(session, machine);
    response.writeHead(upstream.statusCode ?? 502, endToEnd(upstream.headers));
    response.flushHeaders();
    await pipeline(upstream, response);
    return true;
  }
  return false;
}

/**
 * The machine's response, headers read; undefined when it accepts no connection.
 *
 * @throws when the connection breaks later: the request may have been acted on and must not be repeated
 */
function ask(
  boot: Boot,
  { method, url, headers }: IncomingMessage,
  { body, client }: { body: Buffer; client: ServerResponse },
): Promise<IncomingMessage | undefined> {
  return new Promise((resolve, reject) => {
    const target = { host: '127.0.0.1', port: boot.port, method, path: url, agent: false };
    const outgoing = httpRequest({ ...target, headers: endToEnd(headers) }, resolve);
    client.once('close', () => outgoing.destroy());
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(error);
    });
    outgoing.end(body);
  });
}

/** Headers without those that concern one connection only (RFC 9110 §7.6.1). */
function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...rest } = headers;
  return rest;
}
