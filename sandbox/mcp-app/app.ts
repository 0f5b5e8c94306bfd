import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { createHealth, type Health, isServing } from './health.ts';
import { createProtectedApi } from './protected-api.ts';
import { createSessions, type Sessions } from './session.ts';
import { createTokenSource, type TokenNote } from './token-source.ts';
import { createWhoamiServer } from './whoami.ts';

export interface AppOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly machine: string;
  /** Of the environment. Empty when there is none yet: the app runs, and its health says so. */
  readonly token: string;
  /** Path of the file that brings new ones without a restart; empty or absent: there is none. */
  readonly tokenFile?: string;
  readonly onTokenNote?: (note: TokenNote) => void;
  readonly apiUrl: string;
  readonly tenantId: string;
  readonly tenantHeaderSecret: string;
}

/** The MCP server (`/mcp`) and its health (`/health`), over plain HTTP: TLS ends at Fly's proxy. */
export interface App {
  readonly port: number;
  /** Takes no new connection, finishes what is in flight for at most five seconds, then closes. */
  stop(): Promise<void>;
}

const DRAIN_MS = 5000;
/** How long a connection without a request may stay: one that a router has just opened has its request on the way. */
const ARRIVAL_MS = 1000;

function respond(response: ServerResponse, health: Health): void {
  response.writeHead(isServing(health.state) ? 200 : 503, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
  });
  response.end(JSON.stringify(health));
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  sessions: Sessions,
  health: () => Promise<Health>,
) {
  const path = request.url?.split('?')[0];
  if (path === '/mcp') return sessions.handle(request, response);
  if (path === '/health' && request.method === 'GET') return respond(response, await health());
  response.writeHead(404).end();
}

/** Accepts the connections that wait for it, one a turn of the event loop: closing the server would reset them. */
async function letIn(server: Server): Promise<void> {
  let accepted: number;
  const count = () => {
    accepted += 1;
  };
  server.on('connection', count);
  // A turn that has begun may be past the point where it accepts.
  await new Promise(setImmediate);
  do {
    accepted = 0;
    await new Promise(setImmediate);
  } while (accepted > 0);
  server.off('connection', count);
}

async function drain(server: Server, inFlight: ReadonlySet<ServerResponse>): Promise<void> {
  await letIn(server);
  // The close of an HTTP server resets connections whose request has not arrived yet.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), ARRIVAL_MS);
  for (const response of inFlight) if (!response.headersSent) response.setHeader('connection', 'close');
  const deadline = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

export async function startApp(options: AppOptions): Promise<App> {
  const { machine, token, tokenFile = '', onTokenNote } = options;
  const tokens = createTokenSource({
    environment: token,
    file: tokenFile,
    ...(onTokenNote && { onNote: onTokenNote }),
  });
  const api = createProtectedApi({ ...options, tokens, url: options.apiUrl });
  const health = createHealth({ machine, tokens, api });
  const sessions = createSessions(machine, () => createWhoamiServer(machine, api));
  const inFlight = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    if (!server.listening) response.setHeader('connection', 'close');
    inFlight.add(response);
    response.once('close', () => inFlight.delete(response));
    route(request, response, sessions, health).catch(() => response.destroy());
  });
  return {
    port: await listen(server, options.port, options.host),
    stop: async () => {
      sessions.endStreams();
      await drain(server, inFlight);
      await sessions.close();
    },
  };
}
