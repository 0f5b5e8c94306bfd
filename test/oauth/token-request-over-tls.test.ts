import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { type Authority, createAuthority } from '../../sandbox/pki.ts';
import { listenTls, type TlsServer } from '../../sandbox/tls-server.ts';
import { systemClock } from '../../src/clock.ts';
import { FailureError } from '../../src/failure.ts';
import { createEgress, type Egress, type EgressOptions } from '../../src/http/egress.ts';
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
}

function ask({ egress = {}, deadlineMs = 5_000, host = 'localhost', signal }: Setting = {}) {
  const guard = createEgress({ ca: [authority.certPem], allowHosts: [], allowLoopback: true, ...egress });
  opened.push(guard);
  return requestToken(
    {
      domain: `${host}:${server.port}`,
      audience: 'https://api.acme.dev',
      clientId: 'm2m',
      clientSecret: new SecretValue('s3cret'),
    },
    {
      fetch: guard.fetch({ ...TOKEN_REQUEST_LIMITS, deadlineMs }),
      clock: systemClock,
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

test('an issuer whose answer never ends is an outage at the deadline', async () => {
  answer = (_request, response) => response.writeHead(200, json).write('{"access_token":');
  assert.equal((await failureOf({ deadlineMs: 300 })).reason, 'ProviderUnavailable');
});

test('a refusal whose body never ends is classed by its status at the deadline', async () => {
  answer = (_request, response) => response.writeHead(401, json).write('{"error":');
  assert.equal((await failureOf({ deadlineMs: 300 })).reason, 'CredentialsInvalid');
});

test('an answer longer than a MiB is an outage, and is not read to its end', async () => {
  answer = (_request, response) =>
    response.writeHead(200, json).end(`{"access_token":"${'a'.repeat(2 ** 21)}"}`);
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
