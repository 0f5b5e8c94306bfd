import type { RequestListener } from 'node:http';
import type { Authority } from '../../sandbox/pki.ts';
import { listenTls } from '../../sandbox/tls-server.ts';
import { createEgress } from '../../src/http/egress.ts';
import { DISCOVERY_LIMITS } from '../../src/oauth/discovery.ts';

/** A server of pages that a test changes, and the way out to it. */
export interface PageServer {
  /** `https://localhost:<port>`. */
  readonly origin: string;
  /** What is answered, by path; 404 elsewhere. */
  readonly pages: Map<string, RequestListener>;
  /** What it was asked, as `METHOD path`, the oldest first. */
  readonly asked: string[];
  readonly fetch: typeof globalThis.fetch;
  /** Metadata of an issuer, with a token endpoint on this server unless another is given. */
  metadata(issuer: string, tokenEndpoint?: unknown): RequestListener;
  /** Forgets pages and requests. */
  reset(): void;
  stop(): Promise<void>;
}

/** Answers with a body, as JSON unless it is text. */
export function says(body: unknown, status = 200, headers: Record<string, string> = {}): RequestListener {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
}

export async function startPageServer(authority: Authority): Promise<PageServer> {
  const server = await listenTls(authority, 'pages');
  const egress = createEgress({ ca: [authority.certPem], allowHosts: [], allowLoopback: true });
  const origin = `https://localhost:${server.port}`;
  const pages = new Map<string, RequestListener>();
  const asked: string[] = [];
  server.serve((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const page = pages.get(request.url ?? '') ?? says('', 404);
    page(request, response);
  });
  return {
    ...{ origin, pages, asked, fetch: egress.fetch(DISCOVERY_LIMITS) },
    metadata: (issuer, tokenEndpoint = `${origin}/token`) => says({ issuer, token_endpoint: tokenEndpoint }),
    reset: () => {
      pages.clear();
      asked.length = 0;
    },
    stop: async () => {
      await egress.close();
      await server.stop();
    },
  };
}
