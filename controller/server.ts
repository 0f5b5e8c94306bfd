import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Conditions by name; each is true while all is well. One that throws is not well. */
export type Checks = Readonly<Record<string, () => boolean>>;

export interface ServerOptions {
  /** Undefined: every interface. */
  readonly host: string | undefined;
  /** 0: any free one. */
  readonly port: number;
  readonly metrics: { readonly contentType: string; metrics(): Promise<string> };
  /** What only a restart can mend. That an answer comes at all proves that the event loop is alive. */
  readonly health: Checks;
  /** What must be there before this replica counts, as leader or as standby. */
  readonly readiness: Checks;
}

export interface ObservationServer {
  readonly address: { readonly host: string; readonly port: number };
  /** Ends every connection. Resolves when the port is free again. */
  close(): Promise<void>;
}

/** Longest time for a request to arrive, in milliseconds; there is never more than a line and a few headers. */
const REQUEST_TIMEOUT_MS = 5_000;

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * Serves `/metrics`, `/healthz` and `/readyz` over plain HTTP; a failing check is told by its name alone.
 *
 * @throws Error of the system when the address cannot be bound (`EADDRINUSE`, `EACCES`, …)
 */
export async function startServer(options: ServerOptions): Promise<ObservationServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS });
  server.on('request', ({ method, url }, response) => {
    void answer(options, method, url).then((given) => send(response, given, method));
  });
  server.listen({ port: options.port, ...(options.host === undefined ? {} : { host: options.host }) });
  await once(server, 'listening');
  return { address: addressOf(server), close: () => close(server) };
}

async function answer(options: ServerOptions, method?: string, url?: string): Promise<Answer> {
  const page = pageAt(options, url?.split('?', 1)[0]);
  if (!page) return text(404, 'not found; there are /metrics, /healthz and /readyz\n');
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET and HEAD\n');
  return page();
}

function pageAt(
  options: ServerOptions,
  path: string | undefined,
): (() => Answer | Promise<Answer>) | undefined {
  switch (path) {
    case '/metrics':
      return () => scrape(options.metrics);
    case '/healthz':
      return () => verdict(options.health);
    case '/readyz':
      return () => verdict(options.readiness);
    default:
      return undefined;
  }
}

async function scrape(source: ServerOptions['metrics']): Promise<Answer> {
  try {
    return { status: 200, contentType: source.contentType, body: await source.metrics() };
  } catch {
    return text(500, 'the metrics could not be collected\n');
  }
}

function verdict(checks: Checks): Answer {
  const failing = Object.entries(checks).filter(([, isWell]) => !holds(isWell));
  if (failing.length === 0) return text(200, 'ok\n');
  return text(503, `failing: ${failing.map(([name]) => name).join(', ')}\n`);
}

function holds(isWell: () => boolean): boolean {
  try {
    return isWell();
  } catch {
    return false;
  }
}

function text(status: number, body: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

function send(response: ServerResponse, { status, contentType, body }: Answer, method?: string): void {
  const allow = status === 405 ? { allow: 'GET, HEAD' } : {};
  const length = Buffer.byteLength(body);
  response.writeHead(status, { 'content-type': contentType, 'content-length': length, ...allow });
  response.end(method === 'HEAD' ? undefined : body);
}

function addressOf(server: Server): { host: string; port: number } {
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
