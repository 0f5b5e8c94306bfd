import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { inspect } from 'node:util';
import { WithheldError } from '../../src/failure.ts';
import { boundBody } from '../../src/http/bounded-body.ts';
import { createEgress } from '../../src/http/egress.ts';
import { type RequestInit, fetch as undiciFetch } from '../../src/http/undici.ts';
import { type Probe, probeToken } from '../../src/oauth/probe.ts';
import { SecretValue } from '../../src/secret-value.ts';

const CANARY = 'yellow-bird-a1b2c3';
const fetch = undiciFetch as unknown as typeof globalThis.fetch;

let answer: RequestListener;
const requests: IncomingMessage[] = [];
const server = createServer((request, response) => {
  requests.push(request);
  answer(request, response);
});
let host: string;

before(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});
afterEach(() => requests.splice(0));

function probe(rest: Partial<Probe> = {}, effects: Partial<Parameters<typeof probeToken>[2]> = {}) {
  const expectation = { url: `http://${host}/v1/me?as=m2m`, expectStatus: [200], rejectStatus: [401] };
  return probeToken({ ...expectation, timeoutMs: 5_000, ...rest }, new SecretValue(CANARY), {
    fetch,
    ...effects,
  });
}

/** The message of a verdict that does not keep the token back, and says nothing that it must not. */
async function inconclusive(verdict: ReturnType<typeof probe>): Promise<string> {
  const told = await verdict;
  assert.equal(told.result, 'inconclusive');
  assertSilent(told);
  return 'message' in told ? told.message : '';
}

function assertSilent(shown: unknown): void {
  assert.doesNotMatch(inspect(shown, { depth: null, showHidden: true }), new RegExp(CANARY, 'i'));
}

/** A server that repeats the token wherever it can. */
const says =
  (status: number): RequestListener =>
  (_request, response) => {
    const headers = {
      location: `/${CANARY}`,
      'www-authenticate': `Bearer error="${CANARY}"`,
      [CANARY]: CANARY,
    };
    response.writeHead(status, CANARY, headers).end(status === 204 ? undefined : CANARY);
  };

test('the API is asked with GET and the token as bearer, and an expected status accepts it', async () => {
  answer = says(200);
  assert.deepEqual(await probe(), { result: 'accepted' });
  const [request] = requests;
  assert.deepEqual(
    [requests.length, request?.method, request?.url, request?.headers.authorization],
    [1, 'GET', '/v1/me?as=m2m', `Bearer ${CANARY}`],
  );
});

test('a status of rejectStatus rejects the token, and says what to do in words of our own', async () => {
  answer = says(401);
  const verdict = await probe();
  assert.ok(verdict.result === 'rejected');
  const { message, ...rest } = verdict.failure;
  assert.deepEqual(rest, { reason: 'ProbeRejected', disposition: 'stall' });
  assert.match(message, new RegExp(`^${host} answered HTTP 401 .*audience`));
  assertSilent(verdict);
});

test('a status of both lists rejects', async () => {
  answer = says(403);
  assert.equal((await probe({ expectStatus: [403], rejectStatus: [403] })).result, 'rejected');
});

for (const status of [201, 204, 301, 307, 403, 404, 429, 500, 503]) {
  test(`HTTP ${status}, of which nothing is said, is inconclusive`, async () => {
    answer = says(status);
    assert.match(await inconclusive(probe()), new RegExp(`^${host} answered HTTP ${status} `));
    assert.equal(requests.length, 1);
  });
}

test('a redirect can be what is expected, and is not followed', async () => {
  answer = says(302);
  assert.deepEqual(await probe({ expectStatus: [302] }), { result: 'accepted' });
  assert.equal(requests.length, 1);
});

test('a body without end is broken off, not read: the status is enough', { timeout: 10_000 }, async () => {
  let closed: Promise<unknown> | undefined;
  answer = (_request, response) => {
    closed = once(response, 'close');
    response.writeHead(200).write('{');
  };
  const bounded: typeof globalThis.fetch = async (url, init) =>
    boundBody(await undiciFetch(`${url}`, init as unknown as RequestInit), 1024) as unknown as Response;
  for (const way of [fetch, bounded]) {
    assert.deepEqual(await probe({ timeoutMs: 60_000 }, { fetch: way }), { result: 'accepted' });
    await closed;
  }
});

test('an API that does not answer in time is inconclusive', async () => {
  answer = () => {};
  const message = await inconclusive(probe({ timeoutMs: 1_000 }));
  assert.match(message, new RegExp(`^${host} could not be probed .*did not answer within 1s`));
});

test('a connection that breaks off is inconclusive', async () => {
  answer = (request) => request.socket.destroy();
  assert.match(await inconclusive(probe()), /the connection failed/);
});

test('what the network says of a failure is not repeated', async () => {
  const failing = () => Promise.reject(new TypeError(CANARY, { cause: new Error(CANARY) }));
  assert.match(await inconclusive(probe({}, { fetch: failing })), /the connection failed/);
});

test('a token that no header can hold is not repeated', async () => {
  const spoilt = new SecretValue(`${CANARY}\n${CANARY}`);
  const told = await probeToken(
    { url: `http://${host}/`, expectStatus: [200], rejectStatus: [401], timeoutMs: 1_000 },
    spoilt,
    { fetch },
  );
  assert.equal(told.result, 'inconclusive');
  assertSilent(told);
  assert.equal(requests.length, 0);
});

test('a URL that must not be called is inconclusive with the reason of the refusal, and is not called', async () => {
  const egress = createEgress({ ca: [], allowHosts: [], allowLoopback: false });
  const guarded = egress.fetch({ deadlineMs: 5_000, maxBodyBytes: 1024 });
  const told = async (url: string) => inconclusive(probe({ url }, { fetch: guarded }));
  assert.match(await told('https://169.254.169.254/latest/meta-data'), /refused \(rule: address\).*metadata/);
  assert.match(await told(`https://${host}/`), /refused \(rule: address\).*loopback/);
  assert.match(await told(`http://${host}/`), /refused \(rule: scheme\)/);
  assert.equal(requests.length, 0);
  await egress.close();
});

test('what is no URL is inconclusive, and the message names the field', async () => {
  assert.match(await inconclusive(probe({ url: 'api.acme.dev' })), /spec\.verify\.probe\.url/);
});

test('a probe that its caller ends says nothing about the token', async () => {
  const controller = new AbortController();
  answer = () => controller.abort(new Error('shutting down'));
  await assert.rejects(probe({}, { signal: controller.signal }), { message: 'shutting down' });
});

test('a probe that this process holds back says nothing about the token', async () => {
  const withheld = () => Promise.reject(new WithheldError('not the leader'));
  await assert.rejects(probe({}, { fetch: withheld }), WithheldError);
});
