import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';
import type { KubernetesObject } from '../../src/kubernetes/kubernetes-object.ts';

/** A request as it arrived. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

export type Responder = (response: ServerResponse, request: Seen) => void;

/** An HTTP server that says what a test wants an API server to say. */
export interface StandIn {
  readonly kubeConfig: KubeConfig;
  readonly requests: readonly Seen[];
  /** Sockets that are open now. */
  readonly connections: () => number;
  /** Answers every request from now on. */
  respond(responder: Responder): void;
  stop(): Promise<void>;
}

export async function startStandIn(): Promise<StandIn> {
  const requests: Seen[] = [];
  let responder: Responder = (response) => answer(response, {});
  const server = createServer(
    listening((seen, response) => {
      requests.push(seen);
      responder(response, seen);
    }),
  );
  let connections = 0;
  server.on('connection', (socket) => {
    connections += 1;
    socket.on('close', () => {
      connections -= 1;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    kubeConfig: plainKubeConfig(`http://127.0.0.1:${port}`),
    requests,
    connections: () => connections,
    respond: (next) => {
      responder = next;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Reads a request whole before it is handled. */
export function listening(handle: (seen: Seen, response: ServerResponse) => void): RequestListener {
  return (request, response) => {
    void text(request).then((body) => {
      const url = new URL(request.url ?? '/', 'http://stand-in');
      const parsed: unknown = body === '' ? undefined : JSON.parse(body);
      const { method = '', headers } = request;
      handle({ method, path: url.pathname, query: url.searchParams, headers, body: parsed }, response);
    });
  };
}

export function plainKubeConfig(server: string): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromClusterAndUser({ name: 'stand-in', server, skipTLSVerify: true }, { name: 'user' });
  return kubeConfig;
}

export function answer(response: ServerResponse, body: unknown, status = 200, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** A metav1.Status refusal. */
export function refuse(response: ServerResponse, status: number, reason: string, headers = {}): void {
  answer(response, statusOf(status, reason), status, headers);
}

export function statusOf(code: number, reason: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: 'canary-in-message' };
}

/** An object of any kind; the version is also its content. */
export function object(name: string, resourceVersion: number, uid = `uid-${name}`): KubernetesObject {
  return { metadata: { name, namespace: 'ns', uid, resourceVersion: String(resourceVersion) } };
}
