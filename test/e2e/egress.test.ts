import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import { startWorld, type World } from '../../sandbox/world.ts';
import { type RudeProvider, startRudeProvider } from './rude-provider.ts';
import { conditionOf, createTenant, isTrue, PATIENCE_MS, type Tenant } from './scenario.ts';
import { assertTold } from './told.ts';

const CANARY = 'canary-of-a-hostile-host';
/** Where clouds hand out credentials, as a filter of texts would let it pass. */
const METADATA = [
  '169.254.169.254',
  '2852039166',
  '0xA9FEA9FE',
  '0251.0376.0251.0376',
  '169.254.43518',
  '169.254.169.254.',
  '[::ffff:169.254.169.254]',
  '[64:ff9b::a9fe:a9fe]',
  '[2002:a9fe:a9fe::1]',
  '[fd00:ec2::254]',
];
const THIS_MACHINE = ['localhost', '127.0.0.1', '2130706433', '0177.0.0.1', '[::ffff:127.0.0.1]'];
const IS_METADATA =
  /^The call to \S+ was refused \(rule: address\): it leads to a forbidden address \(metadata\), which no setting/;
const IS_LOOPBACK =
  /^The call to \S+ was refused \(rule: address\): it leads to a loopback address, which only --egress-allow-l/;

let world: World;
let hostile: RudeProvider;
/** Counts who connects, even if no TLS follows. */
let listener: Server;
let connections = 0;

before(async () => {
  const progress = { write: () => true };
  world = await startWorld({ env: process.env, progress, machines: 0, tokenLifetimeSeconds: 3600 });
  // Unlike everywhere else in the sandbox, this machine is not to be called either.
  await world.installChart({ extraArgs: [] });
  hostile = await startRudeProvider(world, CANARY);
  listener = createServer((socket) => {
    connections += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
});
after(async () => {
  await world?.stop();
  await hostile?.stop();
  listener?.close();
});

const auth0 = (domain: string) => ({ auth0: { domain, audience: 'https://api.acme.dev' } });
const endpoint = (tokenEndpoint: string) => ({ oauth2: { tokenEndpoint } });
const issuer = (url: string) => ({ oauth2: { issuer: url } });
type Source = ReturnType<typeof auth0 | typeof endpoint | typeof issuer>;

async function bind(tenant: Tenant, name: string, change: { source?: Source; verify?: object }) {
  await tenant.bind((binding) => {
    binding.metadata = { ...binding.metadata, name };
    Object.assign(binding.spec, { secret: { name: `${name}-token` }, deliveries: [], ...change });
  });
}

/** Binds to each source and waits until all were tried; gives the names of the bindings. */
async function tryAll(tenant: Tenant, sources: readonly Source[]): Promise<string[]> {
  const names = sources.map((_, index) => `source-${index}`);
  for (const [index, source] of sources.entries()) await bind(tenant, `source-${index}`, { source });
  for (const name of names) {
    await waitFor(() => tenant.binding(name), {
      what: `${name} to be tried`,
      timeoutMs: PATIENCE_MS,
      until: (binding) => conditionOf(binding, 'Issued') !== undefined,
    });
  }
  return names;
}

async function assertRefused(tenant: Tenant, sources: readonly Source[], message: RegExp): Promise<void> {
  for (const name of await tryAll(tenant, sources)) {
    await assertTold(tenant, name, { reason: 'RequestRefused', message, isStalled: true });
    assert.equal(await tenant.secret(`${name}-token`), undefined);
  }
}

describe('a source', () => {
  let controller: ControllerProcess;
  before(async () => {
    controller = await world.startController({ extraArgs: hostile.trust });
  });
  after(async () => {
    controller?.kill();
    await controller?.stopped;
  });

  it('on the metadata service, however it is spelled, is refused with the reason', async () => {
    const sources = [
      ...METADATA.map((host) => endpoint(`https://${host}/latest/meta-data/`)),
      ...METADATA.map((host) => issuer(`https://${host}/`)),
      ...['169.254.169.254', '2852039166', '0xa9fea9fe'].map(auth0),
    ];
    await assertRefused(await createTenant(world, 'metadata'), sources, IS_METADATA);
  });

  it('by a name or an address that leads to this machine is refused, and nobody connects', async () => {
    const { port } = listener.address() as AddressInfo;
    const hosts = THIS_MACHINE.map((host) => `${host}:${port}`);
    const sources = [
      ...hosts.map((host) => endpoint(`https://${host}/token`)),
      ...hosts.map((host) => issuer(`https://${host}/`)),
      auth0(`localhost:${port}`),
    ];
    await assertRefused(await createTenant(world, 'this-machine'), sources, IS_LOOPBACK);
    assert.equal(connections, 0);
  });

  for (const url of [
    'http://id.acme.dev/',
    'https://user:password@id.acme.dev/',
    'https://a@169.254.169.254/',
  ]) {
    it(`or a probe by ${url} is refused by the API server, which says what to write`, async () => {
      const tenant = await createTenant(world, 'unwritable');
      const answer = /write a whole URL that begins with https:\/\/, without user/;
      for (const change of [
        { source: endpoint(url) },
        { source: issuer(url) },
        { verify: { probe: { url } } },
      ])
        await assert.rejects(bind(tenant, 'unwritable', change), answer);
      const { host, username } = new URL(url);
      const domain = username === '' ? url : `${username}@${host}`;
      await assert.rejects(bind(tenant, 'unwritable', { source: auth0(domain) }), /write the host only/);
    });
  }
});

describe('a host that may be called', () => {
  let tenant: Tenant;
  before(async () => {
    const flags = ['--egress-allow-loopback', '--egress-allow-hosts=localhost,169.254.169.254'];
    await world.startController({ extraArgs: [...hostile.trust, ...flags] });
    tenant = await createTenant(world, 'hostile');
  });

  /** What nobody may be sent to: the way there is open, if it were followed. */
  const targets = () => [
    `${hostile.server.url}/target`,
    `https://localhost:${(listener.address() as AddressInfo).port}/`,
    'https://169.254.169.254/',
  ];
  const redirects = (status: number, path: string) =>
    targets().map((location, index) => {
      const from = `/${status}-${index}`;
      hostile.server.setAnswer(`${from}${path}`, { status, headers: { location } });
      return `${hostile.server.url}${from}`;
    });
  const assertUntouched = () =>
    assert.deepEqual([hostile.server.visits('/target'), connections], [[], 0], 'somebody went there');

  it('is not followed when its token endpoint redirects', async () => {
    const sources = [301, 302, 307, 308].flatMap((status) => redirects(status, '').map(endpoint));
    for (const name of await tryAll(tenant, sources)) {
      const issued = conditionOf(await tenant.binding(name), 'Issued');
      assert.match(
        issued?.message ?? '',
        /^localhost:\d+ answered HTTP 30.: .*redirect is not followed with cr/,
      );
    }
    assertUntouched();
  });

  it('is not followed when its metadata redirects', async () => {
    const place = '/.well-known/openid-configuration';
    const sources = [301, 308].flatMap((status) => redirects(status, place).map(issuer));
    const message =
      /^localhost:\d+ answered HTTP 30. when .*metadata: a redirect is not followed; compare spec/;
    await assertRefused(await createTenant(world, 'moved'), sources, message);
    assertUntouched();
  });

  it('is not followed when its metadata names a token endpoint that must not be called', async () => {
    const endpoints = [
      'https://169.254.169.254/',
      `https://127.0.0.1:${hostile.server.host.split(':')[1]}/target`,
    ];
    const sources = endpoints.map((token_endpoint, index) => {
      const issuerUrl = `${hostile.server.url}/names-${index}`;
      const place = `/names-${index}/.well-known/openid-configuration`;
      hostile.server.setAnswer(place, { body: { issuer: issuerUrl, token_endpoint } });
      return issuer(issuerUrl);
    });
    const message =
      /^The metadata of localhost:\d+ names a token endpoint on a host that must not be called \(rule:/;
    await assertRefused(await createTenant(world, 'names'), sources, message);
    assertUntouched();
  });

  it('cannot send a new token elsewhere when it is probed, nor be probed where nothing may be called', async () => {
    const refusals: [url: string, message: RegExp][] = [
      ['https://169.254.169.254/', /^The call to 169\.254\.169\.254 was refused \(rule: address\)/],
      ...redirects(302, '').map((url): [string, RegExp] => [
        url,
        /^localhost:\d+ answered HTTP 302 to a probe/,
      ]),
    ];
    for (const [index, [url, message]] of refusals.entries()) {
      const name = `probed-${index}`;
      await bind(tenant, name, { verify: { probe: { url } } });
      const binding = await waitFor(() => tenant.binding(name), {
        ...{ what: `${name} to be Ready`, timeoutMs: PATIENCE_MS },
        until: (found) => isTrue(found, 'Ready'),
      });
      const degraded = conditionOf(binding, 'Degraded');
      assert.equal(degraded?.reason, 'ProbeInconclusive');
      assert.match(degraded?.message ?? '', message);
    }
    assertUntouched();
  });
});
