import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Authority, createAuthority } from '../../sandbox/pki.ts';
import { listenTls, type TlsServer } from '../../sandbox/tls-server.ts';
import { systemClock } from '../../src/clock.ts';
import { FailureError } from '../../src/failure.ts';
import { createEgress, type Egress, type EgressOptions } from '../../src/http/egress.ts';
import { Discovery } from '../../src/oauth/discovery.ts';
import type { Source } from '../../src/oauth/source.ts';
import { requestToken, TOKEN_REQUEST_LIMITS } from '../../src/oauth/token-request.ts';
import { SecretValue } from '../../src/secret-value.ts';

let authority: Authority;
let server: TlsServer;
let answer: RequestListener;
let requests = 0;
const opened: Egress[] = [];

before(async () => {
  authority = await createAuthority('private CA');
  server = await listenTls(authority, 'an issuer');
  server.serve((request, response) => {
    requests += 1;
    answer(request, response);
  });
});
after(() => server.stop());
afterEach(async () => {
  requests = 0;
  await Promise.all(opened.splice(0).map((egress) => egress.close()));
});

interface Setting {
  readonly egress?: Partial<EgressOptions>;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  readonly host?: string;
  readonly source?: Partial<Source>;
}

function ask({ egress = {}, deadlineMs = 5_000, host = 'localhost', signal, source }: Setting = {}) {
  const guard = createEgress({ ca: [authority.certPem], allowHosts: [], allowLoopback: true, ...egress });
  opened.push(guard);
  const fetch = guard.fetch({ ...TOKEN_REQUEST_LIMITS, deadlineMs });
  const named = { tokenEndpoint: `https://${host}:${server.port}/oauth/token` };
  return requestToken(
    {
      source: { parameters: { audience: 'https://api.acme.dev' }, scopes: [], ...(source ?? named) },
      client: {
        ...{ type: 'ClientSecret', method: 'Post', clientId: 'm2m' },
        clientSecret: new SecretValue('s3cret'),
      },
    },
    {
      ...{ fetch, clock: systemClock, discovery: new Discovery({ fetch, clock: systemClock }) },
      ...(signal && { signal }),
    },
  );
}

async function failureOf(setting: Setting = {}) {
  try {
    await ask(setting);
  } catch (error) {
    assert.ok(error instanceof FailureError, String(error));
    return error.failure;
  }
  return assert.fail('a token was issued');
}

const json = { 'content-type': 'application/json' };

test('a token comes through', async () => {
  answer = (_request, response) =>
    response.writeHead(200, json).end('{"access_token":"opaque","token_type":"bearer","expires_in":60}');
  assert.equal((await ask()).value.reveal(), 'opaque');
});

test('an issuer that never answers is an outage at the deadline', async () => {
  answer = () => {};
  const { reason, disposition, message } = await failureOf({ deadlineMs: 100 });
  assert.deepEqual([reason, disposition], ['ProviderUnavailable', 'retry']);
  assert.match(message, /did not answer in time/);
});

test('an answer that stops midway, or goes on without end, is unusable, which is said', async () => {
  answer = (_request, response) => response.writeHead(200, json).write('{"access_token":');
  const stopped = await failureOf({ deadlineMs: 300 });
  assert.deepEqual([stopped.reason, stopped.disposition], ['ResponseInvalid', 'retry']);
  assert.match(stopped.message, /did not end in time/);
  answer = (_request, response) => {
    response.writeHead(200, json);
    const drip = setInterval(() => response.write(' '), 10);
    response.on('close', () => clearInterval(drip));
  };
  assert.match((await failureOf({ deadlineMs: 300 })).message, /did not end in time/);
});

test('a refusal whose body never ends is classed by its status at the deadline', async () => {
  answer = (_request, response) => response.writeHead(401, json).write('{"error":');
  assert.equal((await failureOf({ deadlineMs: 300 })).reason, 'CredentialsInvalid');
});

test('an answer longer than a MiB is unusable, which is said, and is not read to its end', async () => {
  answer = (_request, response) =>
    response.writeHead(200, json).end(`{"access_token":"${'a'.repeat(10 * 2 ** 20)}"}`);
  const { reason, disposition, message } = await failureOf();
  assert.deepEqual([reason, disposition], ['ResponseInvalid', 'retry']);
  assert.match(message, /too long/);
});

test('an answer that is small only while it is compressed is unusable too', async () => {
  const bomb = gzipSync(`{"access_token":"${'a'.repeat(10 * 2 ** 20)}"}`);
  answer = (_request, response) => response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(bomb);
  assert.match((await failureOf()).message, /too long/);
});

test('an answer that breaks off is an outage', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { ...json, 'content-length': 100 }).write('{"access_token":');
    setImmediate(() => response.destroy());
  };
  assert.equal((await failureOf()).reason, 'ProviderUnavailable');
});

test('a redirect is an outage: the client secret follows no Location', async () => {
  answer = (_request, response) =>
    response.writeHead(307, { location: `https://127.0.0.1:${server.port}/` }).end();
  assert.equal((await failureOf()).reason, 'ProviderUnavailable');
  assert.equal(requests, 1);
});

test('a connection that breaks off is an outage', async () => {
  answer = (request) => request.socket.destroy();
  assert.equal((await failureOf()).reason, 'ProviderUnavailable');
});

test('an issuer of an unknown CA is an outage that names --ca-file, and never sees the secret', async () => {
  const { reason, message } = await failureOf({ egress: { ca: [] } });
  assert.equal(reason, 'ProviderUnavailable');
  assert.match(message, /certificate is not accepted.*--ca-file/);
  assert.equal(requests, 0);
});

test('a domain that resolves to the metadata service is refused for good', async () => {
  const resolve: NonNullable<EgressOptions['resolve']> = (_hostname, callback) =>
    callback(null, [{ address: '169.254.169.254', family: 4 }]);
  const { reason, disposition, message } = await failureOf({ egress: { resolve }, host: 'rebind.test' });
  assert.deepEqual([reason, disposition], ['RequestRefused', 'stall']);
  assert.match(message, /rebind\.test .*metadata/);
});

test('a domain outside the list of hosts is refused for good, and the message names the flag', async () => {
  const { reason, message } = await failureOf({ egress: { allowHosts: ['acme.eu.auth0.com'] } });
  assert.equal(reason, 'RequestRefused');
  assert.match(message, /--egress-allow-hosts/);
});

/** Answers discovery with a token endpoint, and notes what else is asked. */
function publish(tokenEndpoint: string): void {
  answer = (request, response) => {
    const issuer = `https://localhost:${server.port}`;
    assert.match(request.url ?? '', /well-known/);
    response.writeHead(200, json).end(JSON.stringify({ issuer, token_endpoint: tokenEndpoint }));
  };
}

const FORBIDDEN = [
  'https://169.254.169.254/latest/token',
  'https://[::ffff:169.254.169.254]/latest/token',
  'https://[fd00:ec2::254]/latest/token',
  'https://2852039166/latest/token',
  'https://0251.0376.0251.0376/latest/token',
  'https://0xa9fea9fe/latest/token',
  'https://rebind.test/token',
];

for (const tokenEndpoint of FORBIDDEN) {
  test(`metadata that names ${tokenEndpoint} is refused for good, without a word of it`, async () => {
    publish(tokenEndpoint);
    const resolve: NonNullable<EgressOptions['resolve']> = (hostname, callback) =>
      callback(null, [{ address: hostname === 'localhost' ? '127.0.0.1' : '169.254.169.254', family: 4 }]);
    const source = { issuer: `https://localhost:${server.port}` };
    const { reason, message } = await failureOf({ source, egress: { resolve } });
    assert.equal(reason, 'RequestRefused');
    assert.match(message, /metadata of localhost.*must not be called \(rule: address\)/);
    assert.doesNotMatch(message, /169|254|rebind|2852039166|0251|0xa9/);
    assert.equal(requests, 1);
  });
}

test('metadata that names a host outside the list of hosts is refused for good', async () => {
  publish('https://elsewhere.test/token');
  const source = { issuer: `https://localhost:${server.port}` };
  const { message } = await failureOf({ source, egress: { allowHosts: ['localhost'] } });
  assert.match(message, /rule: host.*--egress-allow-hosts/);
  assert.doesNotMatch(message, /elsewhere/);
});

test('a request that its caller ends is no failure of the issuer, before the headers or in the body', async () => {
  for (const start of ['', '{']) {
    const controller = new AbortController();
    answer = (_request, response) => {
      if (start !== '') response.writeHead(200, json).write(start);
      setImmediate(() => controller.abort(new Error('shutting down')));
    };
    await assert.rejects(ask({ signal: controller.signal }), { message: 'shutting down' });
  }
});
