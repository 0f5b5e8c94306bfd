import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { KubernetesObject } from '@kubernetes/client-node';
import { decodeJwt } from 'jose';
import { exampleCredentials } from '../../sandbox/example.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { Crowd } from './crowd.ts';
import { countRequests, countWhenStill, type RequestCount, requestsBetween } from './request-count.ts';
import { isTrue, startScenario } from './scenario.ts';

const NAMESPACES = Array.from({ length: 10 }, (_, index) => `team-${index}`);
const CLIENTS = NAMESPACES.map((namespace) => ({
  id: `${namespace}-client`,
  secret: `secret-of-${namespace}`,
}));
const EACH = 100;
const ALL = NAMESPACES.length * EACH;
const RESOURCES = ['secrets', 'tokenbindings'];
/** More than the defaults, so that many namespaces are worked on at the same moment, and none waits for its turn. */
const FLAGS = ['--workers=32', '--provider-qps=1000', '--provider-concurrency=64'];
const PATIENCE_MS = 240_000;

let world: World;
let crowd: Crowd;
before(async () => {
  world = await startScenario({ machines: 0, clients: CLIENTS });
  crowd = await Crowd.in(world);
});
after(async () => {
  await crowd?.close();
  await world?.stop();
});

/** A namespace whose bindings authenticate with the client of the namespace. */
async function populate(namespace: string, index: number): Promise<void> {
  const { id: clientId = '', secret: clientSecret = '' } = CLIENTS[index] ?? {};
  const setting = { ...world.example, clientId, clientSecret };
  const credentials = await exampleCredentials(setting);
  await world.objects.apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } } as KubernetesObject,
    ...credentials.map((secret) => ({ ...secret, metadata: { ...secret.metadata, namespace } })),
  ]);
  await crowd.create(namespace, EACH);
}

async function settled(refresh?: string): Promise<void> {
  await waitFor(() => crowd.bindings(), {
    what: `${ALL} bindings to be settled`,
    timeoutMs: PATIENCE_MS,
    until: (bindings) => {
      const done = bindings.filter(
        (binding) => isTrue(binding, 'Ready') && binding.status?.lastHandledRefreshAt === refresh,
      );
      return done.length === ALL;
    },
  });
}

/** The claims of every stored token, by `namespace/name` of its Secret. */
async function storedTokens() {
  const tokens = new Map<string, { azp?: unknown; sub?: string; jti?: string }>();
  for (const { metadata, data } of await crowd.secrets()) {
    if (!metadata?.name?.startsWith('token-')) continue;
    const token = Buffer.from(data?.token ?? '', 'base64').toString();
    tokens.set(`${metadata.namespace}/${metadata.name}`, decodeJwt(token));
  }
  return tokens;
}

async function assertIsolated(): Promise<void> {
  const tokens = await storedTokens();
  assert.equal(tokens.size, ALL);
  const strangers = [...tokens].filter(([key, { azp, sub }]) => {
    const client = `${key.split('/')[0]}-client`;
    return azp !== client || sub !== `${client}@clients`;
  });
  const sample = strangers.slice(0, 5).map(([key, { azp }]) => `${key} has one of ${azp}`);
  assert.deepEqual(sample, [], `${strangers.length} Secrets hold a token of another namespace`);
  assert.equal(new Set([...tokens.values()].map(({ jti }) => jti)).size, ALL, 'two Secrets share a token');
}

function assertIssued(perBinding: number): void {
  const { issuer } = world.outside;
  const counts = CLIENTS.map(({ id }) => issuer.issuedCount(id));
  assert.deepEqual(
    counts,
    CLIENTS.map(() => perBinding * EACH),
  );
  assert.equal(issuer.requests.total, perBinding * ALL, 'nothing was asked for in vain');
}

/** What the API server was asked for while `work` went on; the polling of the test is left out. */
async function requestsDuring(work: () => Promise<void>): Promise<RequestCount> {
  const start = await countRequests(world.cluster);
  await work();
  const end = await countWhenStill(world.cluster, RESOURCES);
  const { 'LIST tokenbindings': _polling, ...requests } = requestsBetween(start, end, RESOURCES);
  return requests;
}

test('1,000 bindings due at once each get one token, of their own namespace, and nothing is written twice', async (t) => {
  await Promise.all(NAMESPACES.map(populate));
  const requests = await requestsDuring(async () => {
    await world.startController({ extraArgs: FLAGS });
    const startedAt = performance.now();
    await settled();
    t.diagnostic(`${Math.round(ALL / ((performance.now() - startedAt) / 1000))} first tokens a second`);
  });
  await assertIsolated();
  assertIssued(1);
  const { 'GET secrets': reads = 0, 'LIST secrets': _cacheFill, ...writes } = requests;
  assert.deepEqual(writes, {
    'PATCH secrets': ALL,
    'PATCH tokenbindings/status': ALL,
    'POST secrets': ALL,
  });
  assert.equal(reads, 2 * ALL, 'the credential, and whether there is a Secret already');
});

test('when all are to be refreshed at once, each gets one more', async (t) => {
  const refresh = 'all-at-once';
  const requests = await requestsDuring(async () => {
    const startedAt = performance.now();
    await Promise.all(NAMESPACES.map((namespace) => crowd.requestRefresh(namespace, EACH, refresh)));
    await settled(refresh);
    t.diagnostic(`${Math.round(ALL / ((performance.now() - startedAt) / 1000))} refreshes a second`);
  });
  await assertIsolated();
  assertIssued(2);
  assert.deepEqual(requests, {
    'APPLY secrets': ALL,
    'GET secrets': ALL,
    'PATCH tokenbindings': ALL,
    'PATCH tokenbindings/status': ALL,
  });
});
