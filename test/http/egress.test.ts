import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Authority, createAuthority } from '../../sandbox/pki.ts';
import { listenTls, type TlsServer } from '../../sandbox/tls-server.ts';
import {
  BodyTooLargeError,
  createEgress,
  type Egress,
  type EgressOptions,
  EgressRefusedError,
} from '../../src/http/egress.ts';
import type { Resolve } from '../../src/http/guarded-agent.ts';
import { Request } from '../../src/http/undici.ts';

let authority: Authority;
let server: TlsServer;
let answer: RequestListener;
let requests: string[] = [];
const opened: Egress[] = [];

before(async () => {
  authority = await createAuthority('private CA');
  server = await listenTls(authority, 'a service');
  server.serve((request, response) => {
    requests.push(`${request.method} ${request.headers.host} ${request.url}`);
    answer(request, response);
  });
});
after(() => server.stop());
afterEach(async () => {
  requests = [];
  await Promise.all(opened.splice(0).map((egress) => egress.close()));
});

function open(options: Partial<EgressOptions> = {}): Egress {
  const egress = createEgress({ ca: [authority.certPem], allowHosts: [], allowLoopback: true, ...options });
  opened.push(egress);
  return egress;
}

function fetchWith(options: Partial<EgressOptions> = {}, limits = {}): typeof globalThis.fetch {
  return open(options).fetch({ deadlineMs: 5_000, maxBodyBytes: 1_000, ...limits });
}

const url = (path = '/', host = 'localhost') => `https://${host}:${server.port}${path}`;
const resolveTo = (...addresses: string[]): Resolve => {
  return (_hostname, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
};

test('a server of the private CA is reached, with method, header and body', async () => {
  answer = async (request: IncomingMessage, response: ServerResponse) => {
    const [body] = await once(request, 'data');
    response.writeHead(201, { 'x-seen': String(request.headers['x-asked']) }).end(`got ${body}`);
  };
  const response = await fetchWith()(url('/in'), {
    method: 'POST',
    body: 'hello',
    headers: { 'x-asked': 'yes' },
  });
  assert.deepEqual([response.status, response.headers.get('x-seen')], [201, 'yes']);
  assert.equal(await response.text(), 'got hello');
});

test('a Request is taken as well as a URL', async () => {
  answer = (_request, response) => response.end('ok');
  const request = new Request(url('/as-request'), { method: 'PUT' });
  const response = await fetchWith()(request as unknown as globalThis.Request);
  assert.equal(await response.text(), 'ok');
  assert.deepEqual(requests, [`PUT localhost:${server.port} /as-request`]);
});

test('without the private CA its server is refused, and sees no request', async () => {
  await assert.rejects(fetchWith({ ca: [] })(url()), TypeError);
  assert.deepEqual(requests, []);
});

test('loopback is refused by name and by literal unless it is allowed', async () => {
  const fetch = fetchWith({ allowLoopback: false });
  for (const host of ['localhost', '127.0.0.1', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]']) {
    await assert.rejects(fetch(url('/', host)), (error) => {
      assert.ok(error instanceof EgressRefusedError, host);
      assert.equal(error.rule, 'address');
      assert.match(error.message, /--egress-allow-loopback/);
      return true;
    });
  }
  assert.deepEqual(requests, []);
});

for (const address of ['169.254.169.254', 'fd00:ec2::254', '0.0.0.0', '::ffff:169.254.169.254', 'fe80::1']) {
  test(`a name that resolves to ${address} is refused, loopback allowed or not`, async () => {
    await assert.rejects(fetchWith({ resolve: resolveTo(address) })(url('/', 'rebind.test')), {
      name: 'EgressRefusedError',
      rule: 'address',
      host: 'rebind.test',
    });
  });
}

test('one forbidden address among good ones is enough to refuse the name', async () => {
  const resolve = resolveTo('127.0.0.1', '169.254.169.254');
  await assert.rejects(fetchWith({ resolve })(url('/', 'mixed.test')), { rule: 'address' });
});

test('the addresses that were judged are those that are connected to', async () => {
  let asked = 0;
  answer = (_request, response) => response.end();
  const resolve: Resolve = (hostname, callback) =>
    resolveTo(asked++ === 0 ? '127.0.0.1' : '169.254.169.254')(hostname, callback);
  await (await fetchWith({ resolve })(url())).text();
  assert.deepEqual([asked, requests.length], [1, 1]);
});

test('a name that does not resolve is an ordinary failure of fetch', async () => {
  const resolve: Resolve = (_hostname, callback) =>
    callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
  await assert.rejects(fetchWith({ resolve })(url('/', 'gone.test')), (error) => {
    assert.equal(((error as Error).cause as NodeJS.ErrnoException).code, 'ENOTFOUND');
    return true;
  });
});

test('a host that is not on the list is refused before its name is looked up', async () => {
  const resolve = () => assert.fail('looked up');
  await assert.rejects(fetchWith({ allowHosts: ['acme.dev'], resolve })(url()), { rule: 'host' });
});

test('plain http is refused', async () => {
  await assert.rejects(fetchWith()(`http://localhost:${server.port}/`), { rule: 'scheme' });
});

test('a redirect is the response, and is not followed even when the caller asks for it', async () => {
  answer = (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end();
  const response = await fetchWith()(url('/start'), { redirect: 'follow' });
  assert.deepEqual([response.status, response.headers.get('location')], [302, '/elsewhere']);
  assert.equal(requests.length, 1);
});

test('the deadline ends a call that gets no headers', async () => {
  answer = () => {};
  await assert.rejects(fetchWith({}, { deadlineMs: 100 })(url()), { name: 'TimeoutError' });
});

test('the deadline ends a body that trickles, and its connection', async () => {
  let closed: Promise<unknown> | undefined;
  answer = (_request, response) => {
    closed = once(response, 'close');
    response.write('a');
  };
  const response = await fetchWith({}, { deadlineMs: 300 })(url());
  await assert.rejects(response.text(), { name: 'TimeoutError' });
  await closed;
});

test('the signal of the caller ends the call with its own reason', async () => {
  const controller = new AbortController();
  answer = () => controller.abort(new Error('shutting down'));
  await assert.rejects(fetchWith()(url(), { signal: controller.signal }), { message: 'shutting down' });
});

test('a body of exactly the cap is read', async () => {
  answer = (_request, response) => response.end('a'.repeat(1_000));
  assert.equal((await (await fetchWith()(url())).text()).length, 1_000);
});

test('a body of one byte more is refused', async () => {
  answer = (_request, response) => response.end('a'.repeat(1_001));
  await assert.rejects((await fetchWith()(url())).text(), BodyTooLargeError);
});

test('an endless body is cut off, and its connection is closed', async () => {
  let closed: Promise<unknown> | undefined;
  answer = (_request, response) => {
    closed = once(response, 'close');
    const pour = () => {
      while (!response.destroyed && response.write('a'.repeat(4_096))) {}
      response.once('drain', pour);
    };
    pour();
  };
  await assert.rejects((await fetchWith()(url())).text(), BodyTooLargeError);
  await closed;
});

test('the cap counts what comes out of decompression', async () => {
  const bomb = gzipSync('a'.repeat(100_000));
  assert.ok(bomb.length < 1_000);
  answer = (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
  await assert.rejects((await fetchWith()(url())).text(), BodyTooLargeError);
});

test('calls one after the other do not open a connection each', async () => {
  const ports = new Set<number | undefined>();
  answer = (request, response) => {
    ports.add(request.socket.remotePort);
    response.end('ok');
  };
  const fetch = fetchWith();
  for (let call = 0; call < 10; call++) await (await fetch(url())).text();
  assert.ok(ports.size <= 2, `${ports.size} connections for 10 calls`);
});
