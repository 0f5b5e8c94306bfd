import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import type { Fault } from '../../sandbox/issuer/fault.ts';
import { createAuthority } from '../../sandbox/pki.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { ECHOES, type EchoingServer, startEchoingServer } from '../support/echoing-server.ts';
import { LeakSearch } from '../support/leak-search.ts';
import { BINDING, conditionOf, createTenant, PATIENCE_MS, startScenario, type Tenant } from './scenario.ts';

const TARGET = 'toolbridge-api-token';
const WRONG_SECRET = 'canary-wrong-client-secret-0123456789';
/** Name of a binding whose issuer repeats what it is sent. */
const HOSTILE = 'hostile';

const ISSUER_FAULTS: readonly Fault[] = [
  { kind: 'rateLimited', retryAfterSeconds: 1 },
  { kind: 'serverError' },
  { kind: 'reset' },
  { kind: 'html' },
  { kind: 'lostResponse' },
];
const FLY_FAULTS = [401, 403, 404, 422, 429, 500];

let world: World;
let tenant: Tenant;
let hostileIssuer: EchoingServer;
let hostileFly: EchoingServer;
let directory: string;
/** Of every authority that there is to trust. */
let caFile: string;
const leaks = new LeakSearch();
/** By where it was: everything that anybody could read, and that must show no secret. */
const shown = new Map<string, string>();

before(async () => {
  world = await startScenario({ machines: 1, rateLimit: false });
  const authority = await createAuthority('hostile world');
  hostileIssuer = await startEchoingServer(authority);
  hostileFly = await startEchoingServer(authority);
  directory = await mkdtemp(join(tmpdir(), 'canary-'));
  caFile = join(directory, 'ca.pem');
  await writeFile(caFile, `${world.outside.caPem}\n${authority.certPem}`);
  tenant = await createTenant(world, 'canary');
  const { clientSecret, apiToken } = world.example;
  leaks.add('client secret', clientSecret);
  leaks.add('wrong client secret', WRONG_SECRET);
  leaks.addFlyToken('API token', apiToken);
});
after(async () => {
  await world?.stop();
  await Promise.all([hostileIssuer?.stop(), hostileFly?.stop()]);
  if (directory) await rm(directory, { recursive: true });
});

/** Notes the stored token, to be searched for. */
async function noteToken(name: string): Promise<void> {
  const { token } = (await world.objects.secretsOf(tenant.namespace)).get(TARGET) ?? {};
  assert.ok(token, 'there must be a token to search for');
  leaks.addJwt(name, token);
}

/** Requests a refresh and waits until it was tried, whatever came of it. */
async function tryRefresh(name = BINDING): Promise<void> {
  const value = await tenant.requestRefresh(name);
  await waitFor(() => tenant.binding(name), {
    what: `the refresh of ${name} to be tried`,
    timeoutMs: PATIENCE_MS,
    until: ({ status }) => status?.lastHandledRefreshAt === value,
  });
}

/** Changes a Secret; also a change that leaves its data as they are makes the controller try again. */
const touchCredential = (name: string, stringData: Record<string, string> = {}) =>
  world.objects.patch('Secret', tenant.namespace, name, {
    metadata: { annotations: { 'example.org/touched': String(performance.now()) } },
    stringData,
  });

async function failToIssue(): Promise<void> {
  for (const fault of ISSUER_FAULTS) {
    world.outside.issuer.setFault({ ...fault, times: 1 });
    await tryRefresh();
  }
  await touchCredential('toolbridge-m2m', { client_secret: WRONG_SECRET });
  await tryRefresh();
  assert.equal(conditionOf(await tenant.binding(), 'Issued')?.reason, 'CredentialsInvalid');
  await touchCredential('toolbridge-m2m', { client_secret: world.example.clientSecret });
  await tenant.settled(await tenant.requestRefresh());
}

async function failToDeliver(): Promise<void> {
  const { faults, requests } = world.outside.fly;
  for (const status of FLY_FAULTS) {
    faults.next('setSecret', { kind: 'answer', status, body: 'html' });
    await tryRefresh();
    await waitFor(() => requests.entries().some((entry) => entry.status === status), {
      what: `Fly to answer ${status}`,
      timeoutMs: PATIENCE_MS,
    });
    await touchCredential('fly-deploy');
    await tenant.settled();
  }
}

/** Goes on with `provoke` until the server has given each of its answers. */
async function hearAll(server: EchoingServer, provoke: () => Promise<void>): Promise<void> {
  while (server.answered < ECHOES.length) {
    const before = server.answered;
    await provoke();
    await waitFor(() => server.answered > before, {
      what: `answer ${before + 1} of ${ECHOES.length}`,
      timeoutMs: PATIENCE_MS,
    });
  }
}

const startTracing = (identity: string, extraArgs: readonly string[] = []) =>
  world.startController({ identity, extraArgs: ['--log-level=trace', ...extraArgs] });

/** Notes what can be seen of a controller, and ends it. */
async function collect(controller: ControllerProcess): Promise<void> {
  const { identity, metricsUrl } = controller;
  for (const path of ['/metrics', '/healthz', '/readyz']) {
    shown.set(`${path} of ${identity}`, await (await fetch(metricsUrl + path)).text());
  }
  controller.kill();
  await controller.stopped;
  const log = controller.logLines.join('\n');
  assert.match(log, /"level":"debug"/, 'everything must have been logged');
  shown.set(`log of ${identity}`, log);
}

/** Notes every object of the cluster, of Secrets all but their data. */
async function collectCluster(): Promise<void> {
  for (const kind of ['tokenbindings', 'events', 'leases', 'configmaps', 'secrets']) {
    const args = ['get', kind, '--all-namespaces', '--show-managed-fields', '--output=json'];
    const { stdout } = await world.cluster.kubectl(args);
    const { items } = JSON.parse(stdout) as { items: { data?: unknown }[] };
    assert.ok(items.length > 0, `there must be ${kind}`);
    if (kind === 'secrets') for (const item of items) delete item.data;
    shown.set(kind, JSON.stringify(items));
  }
}

test('tokens are issued, renewed and delivered, and every step of it fails, while everything is logged', async () => {
  const controller = await startTracing('everyday');
  await tenant.bind();
  await tenant.settled();
  await noteToken('first token');
  await tenant.settled(await tenant.requestRefresh());
  await noteToken('renewed token');
  await failToIssue();
  await noteToken('token after a failure');
  await failToDeliver();
  await noteToken('last token');
  await collect(controller);
});

test('issuer and Fly answer with the secrets that they were sent', async () => {
  const flags = [`--ca-file=${caFile}`, `--fly-api-url=https://${hostileFly.host}`];
  const controller = await startTracing('besieged', flags);
  await tryRefresh();
  await noteToken('token sent to a hostile Fly');
  await hearAll(hostileFly, () => touchCredential('fly-deploy'));
  await tenant.bind((binding) => {
    Object.assign(binding.metadata ?? {}, { name: HOSTILE });
    Object.assign(binding.spec.source.auth0, { domain: hostileIssuer.host });
    Object.assign(binding.spec, { secret: { name: HOSTILE } });
    delete binding.spec.deliveries;
  });
  await hearAll(hostileIssuer, () => tryRefresh(HOSTILE));
  await collect(controller);
});

test('no token, client secret or API token shows anywhere but in the Secrets and in the vault', async () => {
  await collectCluster();
  const found = [...shown].map(([place, text]) => [place, leaks.in(text)] as const);
  assert.deepEqual(
    found.filter(([, names]) => names.length > 0),
    [],
  );
});

test('the search would have found them', async () => {
  const secrets = await world.objects.secretsOf(tenant.namespace);
  const holding = [...secrets].filter(([, data]) => leaks.in(JSON.stringify(data)).length > 0);
  const names = new Set(holding.map(([name]) => name));
  assert.deepEqual(names, new Set(['fly-deploy', TARGET, `${TARGET}-previous`, 'toolbridge-m2m']));
});
