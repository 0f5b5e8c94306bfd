import type { ServerResponse } from 'node:http';
import type { KubernetesObject } from '../../src/kubernetes/kubernetes-object.ts';
import { answer, type Responder, type Seen, type StandIn, startStandIn } from './stand-in.ts';

/** A stand-in for one collection: lists what it holds, keeps watches open, and can be told to misbehave. */
export class Collection {
  readonly server: StandIn;
  items: readonly KubernetesObject[] = [];
  resourceVersion = 100;
  /** Watches that are open, oldest first. */
  readonly streams: ServerResponse[] = [];
  readonly #odd = { list: [] as Responder[], watch: [] as Responder[] };

  static async start(): Promise<Collection> {
    return new Collection(await startStandIn());
  }

  constructor(server: StandIn) {
    this.server = server;
    server.respond((response, request) => this.#serve(response, request));
  }

  /** Answers the next request of that verb with the given responder, instead of well. */
  next(verb: 'list' | 'watch', ...responders: Responder[]): void {
    this.#odd[verb].push(...responders);
  }

  /** Requests of one verb so far. */
  seen(verb: 'list' | 'watch'): Seen[] {
    return this.server.requests.filter((request) => verbOf(request) === verb);
  }

  /** Sends an event on every open watch. */
  send(type: string, changed: unknown): void {
    this.write(`${JSON.stringify({ type, object: changed })}\n`);
  }

  /** Sends bytes on every open watch. */
  write(bytes: string): void {
    for (const stream of this.streams) stream.write(bytes);
  }

  /** Ends every open watch as the API server does when its time is over. */
  endStreams(): void {
    for (const stream of this.streams) stream.end();
  }

  #serve(response: ServerResponse, request: Seen): void {
    const verb = verbOf(request);
    const odd = this.#odd[verb].shift();
    if (odd !== undefined) odd(response, request);
    else if (verb === 'watch') this.#open(response);
    else this.#list(response);
  }

  #list(response: ServerResponse): void {
    const metadata = { resourceVersion: String(this.resourceVersion) };
    answer(response, { metadata, items: this.items });
  }

  #open(response: ServerResponse): void {
    this.streams.push(response);
    response.on('close', () => this.streams.splice(this.streams.indexOf(response), 1));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
  }
}

function verbOf(request: Seen): 'list' | 'watch' {
  return request.query.has('watch') ? 'watch' : 'list';
}
