import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Authority } from './pki.ts';
import { listenTls } from './tls-server.ts';

/** What is sent for one path. */
export interface RudeAnswer {
  /**
   * Default `whole`. `cut`: half of the body, then the connection ends. `reset`: it ends without an answer.
   * `silence`: it stays, and nothing comes.
   */
  readonly delivery?: 'whole' | 'cut' | 'reset' | 'silence';
  /** Default 200. */
  readonly status?: number;
  /** Sent as they are, besides those with the canary. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A record is sent as JSON, a text as `text/html`; the canary is put into both unless the text is empty. */
  readonly body?: string | Readonly<Record<string, unknown>>;
}

/** A request, without any value that came with it. */
export interface Visit {
  readonly method: string;
  /** Names of the parameters in its form, in their order. */
  readonly parameters: readonly string[];
}

export interface RudeServerOptions {
  readonly authority: Authority;
  /** A text that nobody may repeat; letters, digits and `-` only, so that it fits everywhere. */
  readonly canary: string;
  /** By path, without query. Every other path is answered 404. */
  readonly answers?: Readonly<Record<string, RudeAnswer>>;
}

/** An HTTPS server that says what it is told to, however wrong, with a canary wherever one fits. */
export interface RudeServer {
  /** `https://localhost:<port>`, without a slash at its end. */
  readonly url: string;
  readonly host: string;
  /** Replaces the answer before; answers can only name `url` once the server runs. */
  setAnswer(path: string, answer: RudeAnswer): void;
  /** Requests for a path, the oldest first. */
  visits(path: string): readonly Visit[];
  /** Every path asked for, in the order of the first request for each. */
  readonly paths: readonly string[];
  stop(): Promise<void>;
}

/** Headers that anybody may set and nobody needs. */
const FREE_HEADERS = [
  'server',
  'via',
  'x-request-id',
  'x-powered-by',
  'etag',
  'set-cookie',
  'warning',
  'link',
];
/** Members that speak to people: of OAuth (RFC 6749 §5.2), of problem details (RFC 9457), of others. */
const FREE_MEMBERS = ['error_description', 'error_uri', 'message', 'title', 'detail', 'instance'];

/** @throws Error when the canary has characters that do not fit into a header's name */
export async function startRudeServer(options: RudeServerOptions): Promise<RudeServer> {
  const { authority, canary } = options;
  if (!/^[A-Za-z0-9-]+$/.test(canary)) throw new Error('the canary may have letters, digits and "-" only');
  const answers = new Map(Object.entries(options.answers ?? {}));
  const visits = new Map<string, Visit[]>();
  const server = await listenTls(authority, 'rude server');
  const host = `localhost:${server.port}`;
  const url = `https://${host}`;
  server.serve(async (request, response) => {
    const path = new URL(request.url ?? '/', url).pathname;
    const visit = await read(request).catch(() => undefined);
    if (!visit) return;
    visits.set(path, [...(visits.get(path) ?? []), visit]);
    send(response, answers.get(path) ?? { status: 404, body: {} }, canary);
  });
  return {
    url,
    host,
    setAnswer: (path, answer) => void answers.set(path, answer),
    visits: (path) => visits.get(path) ?? [],
    get paths() {
      return [...visits.keys()];
    },
    stop: server.stop,
  };
}

async function read(request: IncomingMessage): Promise<Visit> {
  const form = new URLSearchParams(await text(request));
  return { method: request.method ?? '', parameters: [...form.keys()] };
}

function send(response: ServerResponse, answer: RudeAnswer, canary: string): void {
  const { delivery = 'whole', status = 200 } = answer;
  if (delivery === 'silence') return;
  if (delivery === 'reset') {
    response.socket?.destroy();
    return;
  }
  const { type, body } = bodyWithCanary(answer.body ?? '', canary);
  response.writeHead(status, `Said ${canary}`, {
    ...Object.fromEntries([...FREE_HEADERS, `x-${canary}`].map((name) => [name, canary])),
    'content-type': type,
    'content-length': String(Buffer.byteLength(body)),
    ...lowerCased(answer.headers),
  });
  if (delivery === 'whole') response.end(body);
  else response.write(body.slice(0, body.length / 2), () => response.socket?.destroy());
}

function lowerCased(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function bodyWithCanary(
  body: NonNullable<RudeAnswer['body']>,
  canary: string,
): { readonly type: string; readonly body: string } {
  if (typeof body === 'string') return { type: 'text/html', body: body && `${body}\n${canary}` };
  const members = Object.fromEntries([...FREE_MEMBERS, canary].map((name) => [name, canary]));
  return { type: 'application/json', body: JSON.stringify({ ...members, ...body }) };
}
