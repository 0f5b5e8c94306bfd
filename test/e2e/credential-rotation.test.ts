import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, startApi } from '../../sandbox/api/api.ts';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { createAuthority } from '../../sandbox/pki.ts';
import { createTrustingFetch, type TrustingFetch } from '../../sandbox/trusting-fetch.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { LeakSearch } from '../support/leak-search.ts';
import { createKeyClient, createSecretClient, newSecret, type RotatingClient } from './rotating-client.ts';
import { conditionOf, isTrue, PATIENCE_MS, startScenario } from './scenario.ts';
import { SourceTenant } from './source-tenant.ts';
import { Witness } from './witness.ts';

const LIFETIME_SECONDS = 30;
/** Shares of the lifetime, each with a binding of every client: so something is renewed all the time. */
const PERCENTS = [40, 38, 36, 34, 32, 30];
/** How long nobody tells the Secret that the provider has a new one. */
const FORGOTTEN_MS = 10_000;
const NAMESPACE = 'rotation';
const BY_SECRET = 'by-secret';
const BY_KEY = 'by-key';

let world: World;
let owner: SourceTenant;
let controller: ControllerProcess;
let api: Api;
let trusting: TrustingFetch;
let witness: Witness;
let clients: readonly RotatingClient[];
const leaks = new LeakSearch();

before(async () => {
  world = await startScenario({ machines: 0, tokenLifetimeSeconds: LIFETIME_SECONDS });
  owner = await SourceTenant.create(world, NAMESPACE);
  clients = [
    await createSecretClient({ world, owner, id: BY_SECRET }),
    await createKeyClient({ world, owner, id: BY_KEY }),
  ];
  for (const { secrets } of clients) {
    for (const [name, secret] of Object.entries(secrets)) leaks.add(name, secret);
  }
  controller = await world.startController({ extraArgs: ['--log-level=trace'] });
  witness = await startWitness();
  for (const client of clients) await bindAll(client);
});
after(async () => {
  await witness?.stop();
  await Promise.all([api?.stop(), trusting?.close()]);
  await world?.stop();
});

const nameOf = ({ id }: Pick<RotatingClient, 'id'>, percent: number) => `${id}-${percent}`;
const namesOf = (client: Pick<RotatingClient, 'id'>) => PERCENTS.map((percent) => nameOf(client, percent));

async function startWitness(): Promise<Witness> {
  const authority = await createAuthority('API of the rotation');
  const { issuer, audience, caPem } = world.outside;
  const tenantHeaderSecret = newSecret();
  api = await startApi({
    ...{ authority, issuer: issuer.url, jwksUrl: issuer.jwksUrl, caPem },
    ...{ audience, tenantHeaderSecret },
  });
  trusting = createTrustingFetch(authority.certPem);
  const started = new Witness({
    ...{ world, namespace: NAMESPACE, tenantHeaderSecret },
    secrets: clients.flatMap(namesOf).map((name) => `${name}-token`),
    ...{ apiUrl: api.url, apiFetch: trusting.fetch },
  });
  started.start();
  return started;
}

async function bindAll(client: RotatingClient): Promise<void> {
  const { issuer, audience } = world.outside;
  for (const percent of PERCENTS) {
    await owner.bind(nameOf(client, percent), {
      source: { auth0: { domain: issuer.domain, audience } },
      clientAuthentication: client.authentication,
      refresh: { atLifetimePercent: percent },
    });
  }
}

/** Waits until every binding of the client is as it should be. */
async function all(
  client: Pick<RotatingClient, 'id'>,
  what: string,
  holds: (binding: TokenBinding) => boolean,
): Promise<void> {
  const names = new Set(namesOf(client));
  const isOne = ({ metadata }: TokenBinding) => names.has(metadata.name);
  await waitFor(() => witness.bindings.filter(isOne), {
    what: `the bindings of ${client.id} to ${what}`,
    timeoutMs: PATIENCE_MS,
    until: (bindings) => bindings.length === names.size && bindings.every(holds),
  });
}

/** Waits until every binding of the client has got a token from now on. */
async function renewed(client: Pick<RotatingClient, 'id'>): Promise<void> {
  const before = new Set(witness.bindings.map(({ status }) => status?.token?.id));
  await all(client, 'be renewed', ({ status }) => !before.has(status?.token?.id));
}

/** Tokens of half a minute are told to be too short all the time, which weighs less. */
const hasFallenBack = (binding: TokenBinding) =>
  conditionOf(binding, 'Degraded')?.reason === 'FallbackCredentialUsed';

async function failures(): Promise<Record<string, number>> {
  const text = await (await fetch(`${controller.metricsUrl}/metrics`)).text();
  const samples = text.matchAll(/^tokenbinding_refreshes_total\{result="failure",reason="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries(Array.from(samples, ([, reason, count]) => [reason, Number(count)]));
}

/** What conditions said that is not said of bindings whose tokens live for half a minute and are renewed. */
const misgivings = () =>
  [...witness.conditions].filter(
    (text) => !/^(Ready|Issued|Delivered)=True /.test(text) && text !== 'Degraded=True LifetimeTooShort',
  );

describe('a client secret and a key pair that are rotated as documented, under load', () => {
  it('nothing happens while the next credential is in the Secret and the provider does not know it', async () => {
    await Promise.all(
      clients.map((client) => all(client, 'have a token', (binding) => isTrue(binding, 'Ready'))),
    );
    witness.conditions.clear();
    await Promise.all(clients.map((client) => client.offer()));
    await Promise.all(clients.map(renewed));
    assert.equal(world.outside.issuer.requests.refused, 0, 'the current credential goes first');
  });

  it('nothing happens while the provider takes both', async () => {
    for (const client of clients) client.acceptBoth();
    await Promise.all(clients.map(renewed));
    assert.equal(world.outside.issuer.requests.refused, 0);
    assert.deepEqual(misgivings(), []);
  });

  it('the next credential is used, and told, once the provider refuses the current one', async () => {
    for (const client of clients) client.acceptNewOnly();
    await Promise.all(clients.map((client) => all(client, 'say that they fell back', hasFallenBack)));
    await Promise.all(clients.map(renewed));
    for (const binding of witness.bindings) {
      assert.match(conditionOf(binding, 'Degraded')?.message ?? '', /finish its rotation/);
      assert.deepEqual(binding.status?.credential, { inUse: 'Next' });
    }
    const { refused } = world.outside.issuer.requests;
    assert.ok(refused <= witness.bindings.length, `${refused} refusals: each binding learns from its first`);
  });

  it('each binding tells it in one event', async () => {
    const events = await waitFor(() => owner.tenant.events('FallbackCredentialUsed'), {
      what: 'the events of the fallback',
      timeoutMs: PATIENCE_MS,
      until: (found) => found.length >= witness.bindings.length,
    });
    assert.equal(events.length, witness.bindings.length);
    assert.deepEqual(new Set(events.map(({ type }) => type)), new Set(['Warning']));
  });

  it('it is over once the next credential has become the current one', async () => {
    const { refused } = world.outside.issuer.requests;
    await Promise.all(clients.map((client) => client.promote()));
    await Promise.all(clients.map((client) => all(client, 'be well', (binding) => !hasFallenBack(binding))));
    await Promise.all(clients.map(renewed));
    assert.deepEqual(
      new Set(witness.bindings.map(({ status }) => status?.credential?.inUse)),
      new Set(['Current']),
    );
    assert.equal(world.outside.issuer.requests.refused, refused);
  });

  it('no refresh failed in all that time, and the bindings had nothing else to tell', async () => {
    assert.deepEqual(await failures(), {});
    assert.deepEqual(misgivings(), ['Degraded=True FallbackCredentialUsed']);
  });
});

describe('a client secret that the provider rotates before anybody tells the Secret', () => {
  const client = { id: BY_SECRET };

  it('is waited for without a word of an outage, and used as soon as it is there', async () => {
    const secret = newSecret();
    leaks.add('secret told late', secret);
    witness.conditions.clear();
    world.outside.issuer.setClientSecret(BY_SECRET, secret);
    await sleep(FORGOTTEN_MS);
    await owner.writeCredential(BY_SECRET, { client_secret: secret });
    await renewed(client);
    await all(client, 'be well', (binding) => isTrue(binding, 'Issued') && !isTrue(binding, 'Stalled'));
    assert.deepEqual(misgivings(), ['Issued=False CredentialsInvalid']);
    assert.deepEqual(Object.keys(await failures()), ['CredentialsInvalid']);
  });
});

describe('whoever uses the tokens meanwhile', () => {
  it('always has a valid one, which the API takes', async (t) => {
    await witness.stop();
    assert.deepEqual(witness.complaints, []);
    const { accepted, leastLifeMs, tokens } = witness;
    const renewals = [...tokens.values()].reduce((sum, { length }) => sum + length - 1, 0);
    t.diagnostic(
      `${accepted} calls accepted, ${renewals} renewals seen, at least ${(leastLifeMs / 1000).toFixed(1)} s of life left`,
    );
    assert.ok(accepted > 1_000 && renewals > 5 * tokens.size, 'there must be load');
    assert.equal(api.totals().refused, 0);
  });

  it('finds no credential and no token where it does not belong', async () => {
    for (const [name, seen] of witness.tokens) leaks.addJwt(`token of ${name}`, seen.at(-1) ?? '');
    const metrics = await (await fetch(`${controller.metricsUrl}/metrics`)).text();
    const args = [
      'get',
      'tokenbindings,events',
      `--namespace=${NAMESPACE}`,
      '--output=json',
      '--show-managed-fields',
    ];
    const { stdout: objects } = await world.cluster.kubectl(args);
    assert.ok(objects.includes('FallbackCredentialUsed'), 'the objects must be there');
    const log = controller.logLines.join('\n');
    for (const text of [metrics, objects, log]) assert.deepEqual(leaks.in(text), []);
    const found = await world.objects.secretsOf(NAMESPACE);
    assert.notDeepEqual(leaks.in(JSON.stringify([...found])), [], 'the search would have found them');
  });
});
