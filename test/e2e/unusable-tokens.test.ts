import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Fault } from '../../sandbox/issuer/fault.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { type RudeProvider, startRudeProvider } from './rude-provider.ts';
import {
  BINDING,
  conditionOf,
  createCountedTenant,
  isTrue,
  PATIENCE_MS,
  type Secret,
  startScenario,
  type Tenant,
} from './scenario.ts';
import { assertTold, type Told } from './told.ts';

const SCOPES = ['read:orders', 'write:orders'];
const CANARY = 'canary-of-a-probed-api';

const verification = (message: RegExp): Told => ({ reason: 'VerificationFailed', message, isStalled: true });
const tooLong: Told = {
  ...{ reason: 'ResponseInvalid', isStalled: false },
  message: /its answer is too long for a token response/,
};

interface Trouble {
  /** Of the namespace. */
  readonly name: string;
  readonly fault: Fault;
  readonly told: Told;
}

const TROUBLES: readonly Trouble[] = [
  {
    ...{ name: 'wrong-audience', fault: { kind: 'wrongAudience' } },
    told: verification(
      /fails the check "audience": it is not for https:\/\/api\.acme\.dev; compare spec\.source/,
    ),
  },
  {
    ...{ name: 'missing-scope', fault: { kind: 'missingScope' } },
    told: verification(/fails the check "scopes": write:orders is not granted; grant that to the client/),
  },
  {
    ...{ name: 'lifetime-zero', fault: { kind: 'expiresIn', value: 0 } },
    told: verification(/fails the check "lifetime": its expires_in is not above zero/),
  },
  {
    ...{ name: 'past-exp', fault: { kind: 'expired' } },
    told: verification(/fails the check "expiry": its exp is past on arrival/),
  },
  {
    ...{ name: 'dpop', fault: { kind: 'tokenType', value: 'DPoP' } },
    told: verification(/fails the check "token type": it is not of type Bearer/),
  },
  {
    ...{ name: 'html', fault: { kind: 'html' } },
    told: {
      ...{ reason: 'ProviderUnavailable', isStalled: false },
      message: /answered HTTP 200 without a whole JSON body: an outage page perhaps/,
    },
  },
  { name: 'ten-megabytes', fault: { kind: 'hugeBody' }, told: tooLong },
  { name: 'endless', fault: { kind: 'endlessBody' }, told: tooLong },
];

let world: World;
let api: RudeProvider;

before(async () => {
  world = await startScenario({ machines: 0 });
  world.outside.issuer.addAudience(world.outside.audience, SCOPES);
  api = await startRudeProvider(world, CANARY);
  await world.startController({ extraArgs: api.trust });
});
after(async () => {
  await world?.stop();
  await api?.stop();
});

/** A tenant with a binding that has its token. @param verify of its spec */
async function createHolder(namespace: string, verify?: object): Promise<Tenant> {
  const tenant = await createCountedTenant(world, namespace);
  await tenant.bind(({ spec }) => {
    Object.assign(spec, { deliveries: [], ...(verify && { verify }) });
    Object.assign(spec.source.auth0, { scopes: SCOPES });
  });
  await tenant.settled();
  return tenant;
}

/** Waits until the request was tried, whatever came of it. */
async function tryRefresh(tenant: Tenant): Promise<TokenBinding> {
  const value = await tenant.requestRefresh();
  return waitFor(() => tenant.binding(), {
    what: `the refresh of ${tenant.namespace} to be tried`,
    timeoutMs: PATIENCE_MS,
    until: ({ status }) => status?.lastHandledRefreshAt === value,
  });
}

async function secretOf(tenant: Tenant): Promise<Secret> {
  const secret = await tenant.secret();
  assert.ok(secret?.data?.token, 'there is a token');
  return secret;
}

/** The status of a binding whose old token still serves. */
function assertServing(binding: TokenBinding, before: TokenBinding): void {
  assert.equal(binding.status?.token?.id, before.status?.token?.id);
  const ready = conditionOf(binding, 'Ready');
  assert.deepEqual([ready?.status, ready?.reason], ['True', 'Refreshing']);
}

describe('a binding with a good token whose issuer then gives one with', () => {
  const scopeOf = ({ namespace }: Tenant) => ({ clientId: `client-of-${namespace}` });
  const tenants = new Map<string, Tenant>();
  const old = new Map<string, { readonly binding: TokenBinding; readonly secret: Secret }>();

  before(async () => {
    await Promise.all(
      TROUBLES.map(async ({ name, fault }) => {
        const tenant = await createHolder(name);
        tenants.set(name, tenant);
        old.set(name, { binding: await tenant.binding(), secret: await secretOf(tenant) });
        world.outside.issuer.setFault(fault, scopeOf(tenant));
        await tryRefresh(tenant);
      }),
    );
  });

  for (const { name, told } of TROUBLES) {
    it(`${name} keeps the old one, writes nothing, and recovers`, async () => {
      const [tenant, before] = [tenants.get(name), old.get(name)];
      assert.ok(tenant && before, 'the old token was there');
      assertServing(await assertTold(tenant, BINDING, told), before.binding);
      assert.deepEqual(await secretOf(tenant), before.secret);
      world.outside.issuer.clearFault(scopeOf(tenant));
      const after = await tenant.settled(await tenant.requestRefresh());
      assert.notEqual(after.status?.token?.id, before.binding.status?.token?.id);
      assert.equal(conditionOf(after, 'Stalled'), undefined);
      assert.equal(after.status?.attempts?.consecutive, 0);
      assert.notEqual((await secretOf(tenant)).data?.token, before.secret.data?.token);
    });
  }
});

describe('a binding whose new token is probed', () => {
  const probe = (path: string) => ({ probe: { url: `${api.server.url}${path}` } });

  it('gets none that the API rejects, and the very same once the API takes it', async () => {
    api.server.setAnswer('/rejects', { status: 200 });
    const tenant = await createHolder('rejected', probe('/rejects'));
    const [before, secret] = [await tenant.binding(), await secretOf(tenant)];
    api.server.setAnswer('/rejects', { status: 401 });
    await tryRefresh(tenant);
    const told = await assertTold(tenant, BINDING, {
      ...{ reason: 'ProbeRejected', isStalled: false },
      message: /HTTP 401 to a probe with the new token, which was not handed on; compare audience and scopes/,
    });
    assertServing(told, before);
    assert.deepEqual(await secretOf(tenant), secret);
    api.server.setAnswer('/rejects', { status: 200 });
    const after = await tenant.settled();
    assert.notEqual(after.status?.token?.id, before.status?.token?.id);
    assert.equal(tenant.issued, 2, 'the rejected token was good enough in the end');
    assert.deepEqual(new Set(api.server.visits('/rejects').map(({ method }) => method)), new Set(['GET']));
  });

  it('gets one of which the API says nothing, and is Degraded until it does', async () => {
    api.server.setAnswer('/fails', { status: 500, body: 'Oh no' });
    const tenant = await createHolder('inconclusive', probe('/fails'));
    const binding = await tenant.binding();
    const degraded = conditionOf(binding, 'Degraded');
    assert.deepEqual([degraded?.status, degraded?.reason], ['True', 'ProbeInconclusive']);
    assert.match(degraded?.message ?? '', /localhost:\d+ answered HTTP 500 to a probe with the new token/);
    assert.ok(isTrue(binding, 'Ready'));
    assert.equal((await tenant.token())?.jti, world.outside.issuer.issued.at(-1)?.tokenId);
    api.server.setAnswer('/fails', { status: 200 });
    const after = await tenant.settled(await tenant.requestRefresh());
    assert.equal(conditionOf(after, 'Degraded'), undefined);
    assert.doesNotMatch(JSON.stringify(binding), new RegExp(CANARY));
  });
});
