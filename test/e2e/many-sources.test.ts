import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { decodeJwt } from 'jose';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { isTrue, PATIENCE_MS, startScenario } from './scenario.ts';
import { ASSUMED_LIFETIME, ORDER_SCOPES, ORDERS, prepareCases, type SourceCase } from './source-case.ts';
import { SourceTenant } from './source-tenant.ts';

const NAMESPACE = 'sources';
const RFC_3339 = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;

let world: World;
let owner: SourceTenant;
let controller: ControllerProcess;
let cases: readonly SourceCase[];

before(async () => {
  world = await startScenario({ machines: 0 });
  cases = await prepareCases(world);
  owner = await SourceTenant.create(world, NAMESPACE);
  controller = await world.startController();
  for (const each of cases) {
    await owner.writeCredential(each.name, each.credential);
    await owner.bind(each.name, each.spec);
  }
});
after(() => world?.stop());

function caseOf(name: string): SourceCase {
  const found = cases.find((each) => each.name === name);
  if (!found) throw new Error(`there is no case ${name}`);
  return found;
}

/** Tokens issued for the case. */
const issued = (name: string) => world.outside.issuer.issuedCount(caseOf(name).client.id);

/** Waits until one token more is in the Secret, and gives what it says. */
async function claimsAfter(name: string, change: () => Promise<void>) {
  const { issued: all } = world.outside.issuer;
  const [before, count] = [await owner.storedToken(name), all.length];
  await change();
  await waitFor(async () => (await owner.storedToken(name)) !== before, {
    what: `a new token of ${name}`,
    timeoutMs: PATIENCE_MS,
  });
  await owner.settled(name);
  assert.equal(all.length, count + 1, 'one token, not more');
  return decodeJwt(await owner.storedToken(name));
}

describe('every source and every way to authenticate', () => {
  it('brings the token that it asks for into the Secret', async () => {
    for (const { name, claims, client } of cases) {
      const { status } = await owner.settled(name);
      const types = (status?.conditions ?? []).map(({ type }) => type);
      assert.deepEqual(types, ['Ready', 'Issued', 'Delivered'], `${name} is well`);
      const token = await owner.storedToken(name);
      if (claims) {
        const told = decodeJwt(token);
        const asked = Object.fromEntries(Object.keys(claims).map((claim) => [claim, told[claim]]));
        assert.deepEqual(asked, claims, name);
        assert.equal(status?.token?.audience, told.aud, name);
        assert.equal(status?.token?.issuer, world.outside.issuer.url, name);
      }
      assert.equal(world.outside.issuer.issuedCount(client.id), 1, `${name} asked once`);
    }
  });

  it('takes a token that tells nothing for as long as it is assumed to live', async () => {
    assert.doesNotMatch(await owner.storedToken('opaque'), /\./);
    const { status } = await owner.settled('opaque');
    assert.equal(status?.token?.lifetime, `${ASSUMED_LIFETIME}0s`);
    assert.deepEqual([status?.token?.audience, status?.token?.issuer], [undefined, undefined]);
  });

  it('looks the metadata of an issuer up once for all who name it', () => {
    assert.equal(world.outside.issuer.requests.discovery, 1);
  });

  it('shows in kubectl get, with the API that the token is for', async () => {
    const args = ['get', 'tokenbindings', '--output=wide', `--namespace=${NAMESPACE}`];
    const { stdout } = await world.cluster.kubectl(args);
    const [header = '', ...rows] = stdout.trimEnd().split('\n');
    assert.match(header, /^NAME +READY +REASON +EXPIRES +NEXT REFRESH +DELIVERIES +AGE +AUDIENCE +ATTEMPTS$/);
    const expected = cases
      .map(({ name, claims }) => ({ name, audience: String(claims?.aud ?? '') }))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
    assert.equal(rows.length, expected.length);
    for (const [index, { name, audience }] of expected.entries()) {
      const row = `^${name} +True +Current +${RFC_3339} +${RFC_3339} +0/0 +\\w+ +${audience} +0$`;
      assert.match(rows[index] ?? '', new RegExp(row));
    }
  });
});

describe('a change of what the token is', () => {
  it('of its scopes brings a new one at once', async () => {
    const { domain } = world.outside.issuer;
    const auth0 = { domain, audience: ORDERS, scopes: ORDER_SCOPES };
    const claims = await claimsAfter('scoped', () => owner.tenant.change({ source: { auth0 } }, 'scoped'));
    assert.equal(claims.scope, ORDER_SCOPES.join(' '));
  });

  it('of its audience brings a new one at once', async () => {
    const source = { oauth2: { audience: ORDERS } };
    const claims = await claimsAfter('discovered', () => owner.tenant.change({ source }, 'discovered'));
    assert.equal(claims.aud, ORDERS);
  });

  it('of the client brings a new one at once', async () => {
    const client = { id: 'successor', secret: 'secret of the successor' };
    world.outside.issuer.addClient(client);
    const credential = { client_id: client.id, client_secret: client.secret };
    const claims = await claimsAfter('basic', () => owner.writeCredential('basic', credential));
    assert.equal(claims.azp, client.id);
  });
});

describe('a change of anything else', () => {
  const name = 'organization';

  const CHANGES: Readonly<Record<string, object>> = {
    'when to refresh': { refresh: { atLifetimePercent: 50, jitterPercent: 0, minRemaining: '1m' } },
    'what to verify': { verify: { minLifetime: '30m', probe: { url: 'https://localhost:1/v1/me' } } },
    'how the Secret is labelled': { secret: { labels: { team: 'shop' }, expiryKey: 'expires_at' } },
  };
  for (const [what, spec] of Object.entries(CHANGES)) {
    it(`(${what}) leaves the token as it is`, async () => {
      const before = await owner.storedToken(name);
      await owner.tenant.change(spec, name);
      const { metadata, status } = await owner.settled(name);
      assert.ok(metadata.generation > 1 && status?.observedGeneration === metadata.generation);
      assert.equal(await owner.storedToken(name), before);
      assert.equal(issued(name), 1);
    });
  }

  it('(what was just asked for) is in the Secret all the same', async () => {
    const secret = await owner.tenant.secret(`${name}-token`);
    assert.equal(secret?.metadata?.labels?.team, 'shop');
    assert.ok(secret?.data?.expires_at);
  });

  it('(the labels of the binding, a new client secret) leaves the token as it is, and the next one is got with that', async () => {
    const { client } = caseOf(name);
    const secret = 'a new secret of an old client';
    world.outside.issuer.setClientSecret(client.id, secret);
    await owner.writeCredential(name, { client_id: client.id, client_secret: secret });
    await world.objects.patch('TokenBinding', NAMESPACE, name, {
      metadata: { labels: { team: 'shop' } },
    });
    await owner.tenant.change({ refresh: { atLifetimePercent: 60 } }, name);
    await owner.settled(name);
    assert.equal(issued(name), 1);
    const refresh = await owner.tenant.requestRefresh(name);
    await waitFor(() => owner.tenant.binding(name), {
      what: 'the refresh with the new client secret',
      timeoutMs: PATIENCE_MS,
      until: (binding) => binding.status?.lastHandledRefreshAt === refresh && isTrue(binding, 'Issued'),
    });
    assert.equal(issued(name), 2);
    assert.equal(world.outside.issuer.requests.refused, 0);
  });
});

describe('a controller that starts again', () => {
  it('takes up every token that is stored, and asks for none', async () => {
    const before = await world.objects.secretsOf(NAMESPACE);
    const { total } = world.outside.issuer.requests;
    controller.kill();
    await controller.stopped;
    controller = await world.startController();
    await waitFor(runsEnded, {
      what: 'a run of every binding',
      timeoutMs: PATIENCE_MS,
      until: (runs) => runs >= cases.length,
    });
    assert.equal(world.outside.issuer.requests.total, total);
    assert.deepEqual(await world.objects.secretsOf(NAMESPACE), before);
  });

  async function runsEnded(): Promise<number> {
    const text = await (await fetch(`${controller.metricsUrl}/metrics`)).text();
    const samples = text.matchAll(/^tokenbinding_reconcile_total\{.*\} (\d+)$/gm);
    return Array.from(samples, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
  }
});
