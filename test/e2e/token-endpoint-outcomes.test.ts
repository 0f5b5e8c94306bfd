import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubernetesObject } from '@kubernetes/client-node';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { createAuthority } from '../../sandbox/pki.ts';
import type { RudeAnswer } from '../../sandbox/rude-server.ts';
import { listenTls, type TlsServer } from '../../sandbox/tls-server.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { LeakSearch } from '../support/leak-search.ts';
import { AUDIENCE, CANARY, type Outcome, SCOPE } from './outcome.ts';
import { failures, SUCCESSES } from './outcomes.ts';
import { type RudeProvider, startRudeProvider } from './rude-provider.ts';
import { conditionOf, createTenant, isTrue, PATIENCE_MS, startScenario, type Tenant } from './scenario.ts';
import { assertTold, type Told } from './told.ts';
import { visibleObjects } from './visible-objects.ts';

const NAMESPACE = 'outcomes';
const OUTCOMES = failures();
/** Where nobody answers at all: by name of the binding. */
const UNREACHABLE = {
  'nobody-listens': /could not be asked for a token: the connection failed \(ECONNREFUSED\)/,
  'certificate-of-a-stranger': /its TLS certificate is not accepted \(\w+\); for a private CA .* --ca-file/,
};
const FAILING = [...OUTCOMES.map(({ name }) => name), ...Object.keys(UNREACHABLE)];

let world: World;
let provider: RudeProvider;
let stranger: TlsServer;
let controller: ControllerProcess;
let tenant: Tenant;

before(async () => {
  world = await startScenario({ machines: 0 });
  provider = await startRudeProvider(world, CANARY);
  stranger = await listenTls(await createAuthority('stranger'), 'stranger');
  const gone = await listenTls(await createAuthority('gone'), 'gone');
  await gone.stop();
  const answers = { ...Object.fromEntries(OUTCOMES.map(({ name, answer }) => [name, answer])), ...SUCCESSES };
  for (const [name, answer] of Object.entries(answers)) provider.server.setAnswer(`/${name}`, answer);
  controller = await world.startController({ extraArgs: [...provider.trust, '--log-level=trace'] });
  tenant = await createTenant(world, NAMESPACE);
  const { url } = provider.server;
  const endpoints = Object.keys(answers).map((name): [string, string] => [name, `${url}/${name}`]);
  endpoints.push(['nobody-listens', `https://localhost:${gone.port}/token`]);
  endpoints.push(['certificate-of-a-stranger', `https://localhost:${stranger.port}/token`]);
  await world.objects.apply(endpoints.map(([name, endpoint]) => tenant.own(bindingTo(name, endpoint))));
  await everyBinding('to have been tried', (binding) => conditionOf(binding, 'Issued') !== undefined);
});
after(async () => {
  await world?.stop();
  await Promise.all([provider?.stop(), stranger?.stop()]);
});

function bindingTo(name: string, tokenEndpoint: string) {
  return {
    ...{ apiVersion: 'tokenbinding.erauner.dev/v1alpha1', kind: 'TokenBinding', metadata: { name } },
    spec: {
      source: { oauth2: { tokenEndpoint, audience: AUDIENCE, scopes: [SCOPE] } },
      clientAuthentication: { clientSecret: { secretRef: { name: 'toolbridge-m2m' } } },
      secret: { name: `${name}-token` },
    },
  };
}

const bindings = () => world.objects.list<TokenBinding & KubernetesObject>('TokenBinding', NAMESPACE);
const everyBinding = (what: string, until: (binding: TokenBinding) => boolean) =>
  waitFor(bindings, { what, timeoutMs: PATIENCE_MS, until: (found) => found.every(until) });

/** In any place where a person looks, and named by its host. */
async function assertFailed(name: string, told: Told): Promise<void> {
  const binding = await assertTold(tenant, name, told);
  const message = conditionOf(binding, 'Issued')?.message ?? '';
  assert.match(message, /^localhost:\d+ /);
  const ready = conditionOf(binding, 'Ready');
  assert.deepEqual([ready?.status, ready?.reason], ['False', 'NeverIssued']);
  assert.ok(ready?.message.endsWith(message), ready?.message);
  assert.equal(await tenant.secret(`${name}-token`), undefined, 'nothing was written');
}

/** Least and most seconds until the next attempt; times in a status have whole seconds, cut or rounded up. */
function waitAfter(next: Outcome['next'], failures: number): readonly [least: number, most: number] {
  if (next === 'person') return [150, 300];
  return next === 'retry' ? [1, Math.min(300, 2 * 2 ** (failures - 1))] : next;
}

async function assertNext(name: string, next: Outcome['next']): Promise<void> {
  const { attempts } = (await tenant.binding(name)).status ?? {};
  assert.ok(attempts?.nextTime, 'it is tried again');
  const seconds = (Date.parse(attempts.nextTime) - Date.parse(attempts.lastFailureTime ?? '')) / 1000;
  const [least, most] = waitAfter(next, attempts.consecutive);
  assert.ok(seconds >= least && seconds <= most + 2, `${seconds} s, not ${least} to ${most}`);
  if (next !== 'retry') assert.equal(attempts.consecutive, 1);
}

describe('a token endpoint that answers', () => {
  for (const { name, next, ...outcome } of OUTCOMES) {
    it(`"${name}" is told as ${outcome.reason}, and asked again as it should be`, async () => {
      await assertFailed(name, { ...outcome, isStalled: next === 'person' });
      await assertNext(name, next);
      const [visit] = provider.server.visits(`/${name}`);
      assert.equal(visit?.method, 'POST');
    });
  }

  for (const name of Object.keys(SUCCESSES)) {
    it(`"${name}" has issued a token of an hour`, async () => {
      const binding = await tenant.binding(name);
      assert.ok(isTrue(binding, 'Issued') && isTrue(binding, 'Ready'));
      assert.equal(binding.status?.token?.lifetime, '1h0m0s');
      assert.ok((await tenant.secret(`${name}-token`))?.data?.token, 'it is in the Secret');
      assert.equal(provider.server.visits(`/${name}`).length, 1);
    });
  }
});

describe('a token endpoint', () => {
  for (const [name, message] of Object.entries(UNREACHABLE)) {
    it(`that cannot be reached ("${name}") is told as ProviderUnavailable and asked again`, async () => {
      await assertFailed(name, { reason: 'ProviderUnavailable', message, isStalled: false });
      await assertNext(name, 'retry');
    });
  }
});

/** The label of an answer in `provider_requests_total`. */
const codeOf = ({ delivery, status = 200 }: RudeAnswer) =>
  delivery === 'reset' || delivery === 'silence' ? 'error' : String(status);

/** How each attempt of a binding is to be counted. */
const COUNTED: readonly { readonly name: string; readonly reason: string; readonly code: string }[] = [
  ...OUTCOMES.map(({ name, reason, answer }) => ({ name, reason, code: codeOf(answer) })),
  ...Object.keys(UNREACHABLE).map((name) => ({ name, reason: 'ProviderUnavailable', code: 'error' })),
  ...Object.keys(SUCCESSES).map((name) => ({ name, reason: 'Issued', code: '200' })),
];

/** The value of each series of a counter, by one of its labels. */
function series(metrics: string, counter: string, label: string): Record<string, number> {
  const lines = metrics.matchAll(new RegExp(`^${counter}\\{.*${label}="(\\w+)".*\\} (\\d+)$`, 'gm'));
  return Object.fromEntries(Array.from(lines, ([, value, count]) => [value, Number(count)]));
}

describe('when all of it has come to rest', () => {
  let metrics: string;
  /** Attempts by binding; of one that has its token: the one that got it. */
  let attempts: ReadonlyMap<string, number>;

  before(async () => {
    for (const name of FAILING) await tenant.change({ suspend: true }, name);
    const all = await everyBinding(
      'to rest',
      ({ metadata, status }) => status?.observedGeneration === metadata.generation,
    );
    attempts = new Map(
      all.map(({ metadata, status }) => [
        metadata.name,
        status?.token ? 1 : (status?.attempts?.consecutive ?? 0),
      ]),
    );
    metrics = await (await fetch(`${controller.metricsUrl}/metrics`)).text();
  });

  /** Attempts of all bindings by how they are to be counted. */
  function expected(label: 'reason' | 'code'): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { name, [label]: value } of COUNTED)
      sums[value] = (sums[value] ?? 0) + (attempts.get(name) ?? 0);
    return sums;
  }

  it('every attempt was one request', () => {
    for (const name of [...OUTCOMES.map((outcome) => outcome.name), ...Object.keys(SUCCESSES)])
      assert.equal(provider.server.visits(`/${name}`).length, attempts.get(name), name);
  });

  it('every attempt is counted by its reason, every request by its status', () => {
    const [refreshes, requests] = [
      'tokenbinding_refreshes_total',
      'tokenbinding_provider_requests_total',
    ] as const;
    assert.deepEqual(series(metrics, refreshes, 'reason'), expected('reason'));
    assert.deepEqual(series(metrics, requests, 'code'), expected('code'));
  });

  it('nothing that a token endpoint said shows anywhere but in the Secrets', async () => {
    const leaks = new LeakSearch();
    leaks.add('what the server said', CANARY);
    const shown = await visibleObjects(world);
    shown.set('metrics', metrics);
    shown.set('log', controller.logLines.join('\n'));
    assert.match(shown.get('log') ?? '', /"level":"debug"/, 'everything must have been logged');
    const found = [...shown].map(([place, text]) => [place, leaks.in(text)] as const);
    assert.deepEqual(
      found.filter(([, names]) => names.length > 0),
      [],
    );
    const secrets = await world.objects.secretsOf(NAMESPACE);
    const holding = [...secrets].filter(([, data]) => leaks.in(JSON.stringify(data)).length > 0);
    assert.deepEqual(
      new Set(holding.map(([name]) => name)),
      new Set(Object.keys(SUCCESSES).map((name) => `${name}-token`)),
      'the search finds it where it must be',
    );
  });
});
