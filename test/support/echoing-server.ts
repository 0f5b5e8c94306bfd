import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Authority } from '../../sandbox/pki.ts';
import { listenTls } from '../../sandbox/tls-server.ts';

/** A server that answers every request with what it was sent, in its body and in every header that it can. */
export interface EchoingServer {
  /** `localhost:<port>`. */
  readonly host: string;
  /** Requests answered so far. */
  readonly answered: number;
  stop(): Promise<void>;
}

/** Answers that no request has: one after the other they are all given. */
export const ECHOES = [400, 401, 403, 404, 409, 412, 422, 429, 500, 503, 200, 201, 302].flatMap((status) => [
  { status, type: 'application/json' },
  { status, type: 'text/html' },
]);

export async function startEchoingServer(authority: Authority): Promise<EchoingServer> {
  const server = await listenTls(authority, 'echo');
  let answered = 0;
  server.serve((request, response) => {
    const echo = ECHOES[answered % ECHOES.length];
    answered += 1;
    if (echo) void answer(request, response, echo);
  });
  return {
    host: `localhost:${server.port}`,
    get answered() {
      return answered;
    },
    stop: server.stop,
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, type }: (typeof ECHOES)[number],
): Promise<void> {
  const sent = await text(request);
  const authorization = request.headers.authorization ?? '';
  const values = `${authorization} ${secretsIn(sent).join(' ')}`;
  for (const name of ['x-echo', 'www-authenticate', 'location', 'retry-after', 'fly-request-id', 'etag'])
    response.setHeader(name, values);
  const said = `${values} ${sent}`;
  response.writeHead(status, { 'content-type': type });
  response.end(type === 'text/html' ? `<p>${said}</p>` : JSON.stringify(jsonOf(said)));
}

/** As error, as OAuth error, and where a success would have its fields, which are of no use here. */
function jsonOf(said: string): object {
  const names = ['error', 'error_description', 'error_uri', 'message', 'token_type', 'expires_in', 'version'];
  return Object.fromEntries([...names, 'details', said].map((name) => [name, said]));
}

/** The values of a form or of a JSON object, as they were before they were encoded. */
function secretsIn(sent: string): string[] {
  if (!sent.startsWith('{')) return [...new URLSearchParams(sent).values()];
  return Object.values(JSON.parse(sent) as object).map(String);
}
