import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands for the protected API where a test wants to choose each answer. */
export interface StubApi {
  readonly url: string;
  /** Calls received so far. */
  calls: number;
  /** The bearer token of each. */
  readonly tokens: string[];
  /** Answers a call; by default at once with a subject. */
  answer: (response: ServerResponse) => void;
  stop(): Promise<void>;
}

export function accept(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"sub":"m2m@clients"}');
}

export function refuse(response: ServerResponse): void {
  response.writeHead(401, { 'content-type': 'text/plain' }).end('unauthorized');
}

export async function startStubApi(): Promise<StubApi> {
  const server = createServer((request, response) => {
    stub.calls += 1;
    stub.tokens.push(request.headers.authorization?.replace('Bearer ', '') ?? '');
    stub.answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stub: StubApi = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: 0,
    tokens: [],
    answer: accept,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return stub;
}
