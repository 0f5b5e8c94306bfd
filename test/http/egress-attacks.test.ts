import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { type Authority, createAuthority } from '../../sandbox/pki.ts';
import { listenTls, type TlsServer } from '../../sandbox/tls-server.ts';
import { createEgress, type Egress, type EgressOptions, EgressRefusedError } from '../../src/http/egress.ts';
import type { Resolve } from '../../src/http/guarded-agent.ts';

let authority: Authority;
let server: TlsServer;
let requests: string[];
let answerWith: { status: number; headers: Record<string, string> };
const opened: Egress[] = [];

before(async () => {
  authority = await createAuthority('private CA');
  server = await listenTls(authority, 'a service');
  server.serve((request, response) => {
    requests.push(`${request.headers.host} ${request.url}`);
    response.writeHead(answerWith.status, answerWith.headers).end('ok');
  });
});
after(() => server.stop());
beforeEach(() => {
  requests = [];
  answerWith = { status: 200, headers: {} };
});
afterEach(() => Promise.all(opened.splice(0).map((egress) => egress.close())));

/** Names and the addresses they have, in turn: the last ones stay. */
function dns(names: Record<string, readonly (readonly string[])[]>) {
  const asked: string[] = [];
  const resolve: Resolve = (hostname, callback) => {
    asked.push(hostname);
    const turns = names[hostname];
    const turn = asked.filter((name) => name === hostname).length - 1;
    const addresses = turns?.[Math.min(turn, turns.length - 1)];
    if (addresses === undefined)
      return callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return { resolve, asked };
}

function caller(options: Partial<EgressOptions> = {}) {
  const egress = createEgress({ ca: [authority.certPem], allowHosts: [], allowLoopback: true, ...options });
  opened.push(egress);
  const fetch = egress.fetch({ deadlineMs: 5_000, maxBodyBytes: 1_000 });
  return async (url: string) => (await fetch(url)).text();
}

const refusedBy = (rule: string) => (error: unknown) => {
  assert.ok(error instanceof EgressRefusedError, `${error} (${(error as Error).cause})`);
  assert.equal(error.rule, rule);
  return true;
};

const at = (host: string, path = '/') => `https://${host}:${server.port}${path}`;
const GOOD = '127.0.0.1';
const METADATA = '169.254.169.254';

describe('a name', () => {
  test('that turns to the metadata service after it was good is refused from then on', async () => {
    answerWith = { status: 200, headers: { connection: 'close' } };
    const { resolve } = dns({ localhost: [[GOOD], [METADATA]] });
    const call = caller({ resolve });
    assert.equal(await call(at('localhost', '/first')), 'ok');
    await assert.rejects(call(at('localhost', '/second')), refusedBy('address'));
    assert.deepEqual(requests, [`localhost:${server.port} /first`]);
  });

  for (const addresses of [
    [GOOD, METADATA],
    [METADATA, GOOD],
    [GOOD, '::ffff:a9fe:a9fe'],
    [GOOD, 'fe80::1%eth0'],
  ]) {
    test(`that has the addresses ${addresses.join(' and ')} is refused, whichever would be tried`, async () => {
      const { resolve } = dns({ localhost: [addresses] });
      await assert.rejects(caller({ resolve })(at('localhost')), refusedBy('address'));
      assert.deepEqual(requests, []);
    });
  }

  test('without any address is a failure like that of an unknown one', async () => {
    const { resolve } = dns({ localhost: [[]] });
    await assert.rejects(caller({ resolve })(at('localhost')), TypeError);
  });

  for (const host of ['localhost', 'localhost.', 'LOCALHOST', 'foo.localhost', 'ip6-localhost', 'lvh.me']) {
    test(`${host} that leads to this machine is refused`, async () => {
      const { resolve } = dns({ [host.toLowerCase()]: [[GOOD]] });
      await assert.rejects(caller({ resolve, allowLoopback: false })(at(host)), refusedBy('address'));
      assert.deepEqual(requests, []);
    });
  }
});

describe('a connection that is kept alive', () => {
  test('serves no other name, be it one for the same address', async () => {
    const { resolve, asked } = dns({
      localhost: [[GOOD]],
      'other.test': [[GOOD]],
      'meta.test': [[METADATA]],
    });
    const call = caller({ resolve });
    await call(at('localhost'));
    await assert.rejects(call(at('meta.test')), refusedBy('address'));
    await assert.rejects(call(at('other.test')), (error: Error) => {
      assert.equal((error.cause as NodeJS.ErrnoException).code, 'ERR_TLS_CERT_ALTNAME_INVALID');
      return true;
    });
    await call(at('localhost'));
    assert.deepEqual(asked, ['localhost', 'meta.test', 'other.test']);
    assert.equal(requests.length, 2);
  });

  test('serves no other port', async () => {
    const other = await listenTls(authority, 'another service');
    other.serve((_request, response) => response.end('other'));
    const call = caller();
    assert.equal(await call(at('localhost')), 'ok');
    assert.equal(await call(`https://localhost:${other.port}/`), 'other');
    await other.stop();
  });
});

describe('a redirect', () => {
  for (const location of [
    'https://169.254.169.254/latest/meta-data/',
    'http://localhost/',
    '//localhost/',
    'file:///etc/passwd',
  ]) {
    test(`to ${location} is the answer, and nothing more is looked up`, async () => {
      answerWith = { status: 307, headers: { location, refresh: `0;url=${location}` } };
      const { resolve, asked } = dns({ localhost: [[GOOD]] });
      assert.equal(await caller({ resolve })(at('localhost')), 'ok');
      assert.deepEqual([asked, requests.length], [['localhost'], 1]);
    });
  }
});

describe('the metadata address is refused', () => {
  const SPELLINGS = [
    '169.254.169.254',
    '169.254.169.254.',
    '2852039166',
    '0xA9FEA9FE',
    '0xa9.0xfe.0xa9.0xfe',
    '0251.0376.0251.0376',
    '025177524776',
    '169.254.43518',
    '169.16689662',
    '１６９.２５４.１６９.２５４',
    '169。254。169。254',
    '%31%36%39.254.169.254',
    '①⑥⑨.254.169.254',
    '[::ffff:169.254.169.254]',
    '[::ffff:a9fe:a9fe]',
    '[0:0:0:0:0:ffff:a9fe:a9fe]',
    '[::ffff:0:a9fe:a9fe]',
    '[64:ff9b::a9fe:a9fe]',
    '[64:ff9b:1::a9fe:a9fe]',
    '[2002:a9fe:a9fe::1]',
    '[::a9fe:a9fe]',
    '[2001:0:a9fe:a9fe::1]',
    '[2001:0:4136:e378:8000:63bf:5601:5601]',
    '[fd00:ec2::254]',
    '[fd20:ce::254]',
  ];
  for (const host of SPELLINGS) {
    test(`as https://${host}/`, async () => {
      const resolve = () => assert.fail('looked up');
      await assert.rejects(caller({ resolve })(`https://${host}/`), refusedBy('address'));
    });
  }

  for (const host of [
    '[fe80::a9fe:a9fe%25eth0]',
    '[fe80::1%eth0]',
    '256.256.256.256',
    '169.254.169.254.1.0x',
  ]) {
    test(`https://${host}/ is not even a URL`, () => assert.rejects(caller()(`https://${host}/`), TypeError));
  }
});

describe('a list of hosts', () => {
  const allowHosts = ['acme.dev', '*.acme.dev'];
  for (const authorityPart of [
    'acme.dev.evil.test',
    'evilacme.dev',
    'acme.dev%2eevil.test',
    'acme.dev%00.evil.test',
    'acme.dev\t.evil.test',
    'acme.dev。evil.test',
    'evil.test\\.acme.dev',
    'evil.test/.acme.dev',
    'evil.test?.acme.dev',
    'evil.test#.acme.dev',
    'аcme.dev',
    'acme.dev..',
    '169.254.169.254',
  ]) {
    test(`does not let ${JSON.stringify(authorityPart)} pass`, async () => {
      const { resolve, asked } = dns({});
      await assert.rejects(caller({ resolve, allowHosts })(`https://${authorityPart}`), (error: Error) =>
        error instanceof EgressRefusedError ? refusedBy('host')(error) : error instanceof TypeError,
      );
      assert.deepEqual(asked, []);
    });
  }

  for (const host of [
    'acme.dev@evil.test',
    'acme.dev:443@evil.test',
    'a%40acme.dev@evil.test',
    'x@acme.dev',
  ]) {
    test(`is not asked about https://${host}/, which names a user`, () =>
      assert.rejects(caller({ allowHosts })(`https://${host}/`), refusedBy('userinfo')));
  }

  test('does not make up for a forbidden address', async () => {
    const { resolve } = dns({ 'id.acme.dev': [[METADATA]] });
    await assert.rejects(caller({ resolve, allowHosts })('https://id.acme.dev/'), refusedBy('address'));
  });
});

for (const url of [
  'HTTP://localhost:443/',
  'ws://localhost/',
  'file:///etc/passwd',
  'data:,x',
  'blob:https://a/1',
]) {
  test(`${url} is refused for its scheme`, () => assert.rejects(caller()(url), refusedBy('scheme')));
}

for (const port of [1, 22, 25, 6000, 10080]) {
  test(`port ${port}, where another protocol may take our bytes for its own, is not called`, async () => {
    const { resolve, asked } = dns({ localhost: [[GOOD]] });
    await assert.rejects(caller({ resolve })(`https://localhost:${port}/`), TypeError);
    assert.deepEqual(asked, []);
  });
}
