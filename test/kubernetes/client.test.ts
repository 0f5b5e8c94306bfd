import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { inspect } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import { ApiError } from '../../src/kubernetes/api-error.ts';
import { type Call, connect, type KubernetesClient } from '../../src/kubernetes/client.ts';
import { answer, plainKubeConfig, refuse, type StandIn, startStandIn } from './stand-in.ts';
import { until } from './until.ts';

const SECRETS = { apiVersion: 'v1', plural: 'secrets' };
const READ: Call = { verb: 'get', at: { resource: SECRETS, namespace: 'ns', name: 'a' } };
const CONNECT = { deadlineMs: 5_000, userAgent: 'test' };

let server: StandIn;
let client: KubernetesClient;

beforeEach(async () => {
  server = await startStandIn();
  client = connect(server.kubeConfig, CONNECT);
});
afterEach(async () => {
  await client.close();
  await server.stop();
});

async function failureOf(call: Call): Promise<ApiError> {
  const error: unknown = await client.call(call).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ApiError, String(error));
  return error;
}

test('paths, verbs, queries and bodies are those of the API', async () => {
  const bindings = { apiVersion: 'tokenbinding.erauner.dev/v1alpha1', plural: 'tokenbindings' };
  await client.call({ verb: 'list', at: { resource: SECRETS }, query: { limit: 5, continue: undefined } });
  await client.call({ verb: 'create', at: { resource: SECRETS, namespace: 'ns' }, body: { a: 1 } });
  const at = { resource: bindings, namespace: 'ns', name: 'b', subresource: 'status' } as const;
  await client.call({
    verb: 'patch',
    at,
    body: [],
    contentType: 'application/json-patch+json',
    accept: 'x/y',
  });
  const seen = server.requests.map(({ method, path, query, body }) => [method, path, String(query), body]);
  assert.deepEqual(seen, [
    ['GET', '/api/v1/secrets', 'limit=5', undefined],
    ['POST', '/api/v1/namespaces/ns/secrets', '', { a: 1 }],
    ['PATCH', '/apis/tokenbinding.erauner.dev/v1alpha1/namespaces/ns/tokenbindings/b/status', '', []],
  ]);
  assert.equal(server.requests[1]?.headers['content-type'], 'application/json');
  assert.equal(server.requests[2]?.headers['content-type'], 'application/json-patch+json');
  assert.equal(server.requests[2]?.headers.accept, 'x/y');
});

test('a refusal tells verb, object, status and reason, and nothing that the server said', async () => {
  server.respond((response) => refuse(response, 409, 'AlreadyExists', { 'x-canary': 'canary-in-header' }));
  const error = await failureOf(READ);
  assert.equal(error.message, 'get secrets ns/a: 409 AlreadyExists');
  assert.deepEqual([error.status, error.reason, error.retryAfterMs], [409, 'AlreadyExists', undefined]);
  assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /canary/);
});

test('a request that breaks on the way does not tell what it carried', async () => {
  server.respond((response) => response.destroy());
  const body = { data: { token: 'canary-value' } };
  const error = await failureOf({ verb: 'create', at: { resource: SECRETS, namespace: 'ns' }, body });
  assert.equal(error.message, 'create secrets ns: no answer UND_ERR_SOCKET');
  assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /canary/);
});

const answers: Record<string, [status: number, body: string, reason: string]> = {
  'a page of a proxy': [502, '<html>canary</html>', 'Unknown'],
  'an empty body': [403, '', 'Forbidden'],
  'a reason that is no word': [403, '{"reason":"canary text, long"}', 'Forbidden'],
  'a reason that is no text': [404, '{"reason":{"canary":1}}', 'NotFound'],
  'a body that is null': [429, 'null', 'TooManyRequests'],
  'a good answer that is no JSON': [200, 'canary', 'MalformedAnswer'],
};
for (const [name, [status, body, reason]] of Object.entries(answers)) {
  test(`${name} is understood by its status, and not repeated`, async () => {
    server.respond((response) => response.writeHead(status).end(body));
    const error = await failureOf(READ);
    assert.equal(error.reason, reason);
    assert.doesNotMatch(inspect(error, { depth: 9 }), /canary/);
  });
}

test('Retry-After is told in milliseconds, from the header or from the body', async () => {
  server.respond((response) => refuse(response, 429, 'TooManyRequests', { 'retry-after': '3' }));
  assert.equal((await failureOf(READ)).retryAfterMs, 3_000);
  server.respond((response) => answer(response, { details: { retryAfterSeconds: 2 } }, 503));
  assert.equal((await failureOf(READ)).retryAfterMs, 2_000);
  server.respond((response) => refuse(response, 429, 'TooManyRequests', { 'retry-after': 'soon' }));
  assert.equal((await failureOf(READ)).retryAfterMs, undefined);
});

test('a call ends at its deadline, whether headers or the body do not come', async () => {
  for (const flush of [false, true]) {
    server.respond((response) => {
      if (flush) response.writeHead(200).write('{');
    });
    const error = await failureOf({ ...READ, deadlineMs: 50 });
    assert.deepEqual([error.status, error.reason], [0, 'DeadlineExceeded']);
  }
});

test('a call ends when its signal is aborted', async () => {
  server.respond(() => undefined);
  const controller = new AbortController();
  const failure = failureOf({ ...READ, signal: controller.signal });
  await until(() => server.requests.length === 1);
  controller.abort();
  assert.equal((await failure).reason, 'Aborted');
});

test('a redirect is not followed', async () => {
  server.respond((response) => response.writeHead(302, { location: '/api/v1/other' }).end());
  assert.equal((await failureOf(READ)).status, 0);
  assert.equal(server.requests.length, 1);
});

test('closing breaks streams and leaves no connection', async () => {
  server.respond((response) => response.writeHead(200).flushHeaders());
  const { signal } = new AbortController();
  const stream = await client.stream({ verb: 'watch', at: { resource: SECRETS }, signal });
  await client.close();
  await assert.rejects(async () => {
    for await (const _ of stream);
  });
  await until(() => server.connections() === 0);
});

test('a kubeconfig that cannot be used is refused with what to change in it', () => {
  const loaded = (change: object) => {
    const kubeConfig = plainKubeConfig('https://127.0.0.1:1');
    Object.assign(kubeConfig.clusters[0] ?? {}, change);
    return kubeConfig;
  };
  assert.throws(() => connect(new KubeConfig(), CONNECT), /current-context names no cluster; set it/);
  assert.throws(() => connect(loaded({ proxyUrl: 'http://p' }), CONNECT), /proxy-url .* remove it/);
  const plain = { server: 'http://127.0.0.1:1', skipTLSVerify: false };
  assert.throws(() => connect(loaded(plain), CONNECT), /must be an https URL/);
});
