import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Caller } from '../../sandbox/caller.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import {
  conditionOf,
  createCountedTenant,
  deliveryOf,
  isTrue,
  PATIENCE_MS,
  startScenario,
  TARGET,
  type Tenant,
} from './scenario.ts';

/** Seconds that the good token lives: it becomes urgent 15 s before its end, and the retrial is half way there. */
const LIFETIME = 120;
/** Seconds that all others live: none is renewed by the clock. */
const LONG_LIFETIME = 3600;
const MACHINES = 3;
/** The renewal of the good token by the clock is put off for as long as may be. */
const REFRESH = { atLifetimePercent: 80, jitterPercent: 0 };

describe('a token that is issued and verified well, and that the API refuses', () => {
  let world: World;
  let tenant: Tenant;
  let caller: Caller;
  let good: string;
  let settled: TokenBinding;
  before(async () => {
    world = await startScenario({ machines: MACHINES, tokenLifetimeSeconds: LIFETIME });
    await world.startController();
    tenant = await createCountedTenant(world, 'refused');
    await tenant.bind(({ spec }) => {
      Object.assign(spec, { refresh: REFRESH });
      for (const { fly } of spec.deliveries ?? []) fly.rollout = { machineTimeout: '10s' };
    });
    settled = await tenant.settled();
    world.outside.issuer.setTokenLifetime(LONG_LIFETIME);
    good = String((await tenant.token())?.jti);
    // The rest of the suite wants the processor, too.
    caller = world.startCaller(4, 200);
    await waitFor(() => caller.counts.ok > 0, { what: 'a call', timeoutMs: PATIENCE_MS });
  });
  after(() => world?.stop());

  const updates = () => world.outside.fly.machines(world.outside.app).map((machine) => machine.updates);
  const reached = (before: readonly number[]) =>
    updates()
      .map((count, index) => count - (before[index] ?? 0))
      .toSorted((a, b) => a - b);
  const rolledBack = (rejections: number) =>
    waitFor(() => tenant.binding(), {
      what: `refusal ${rejections} to be taken back`,
      timeoutMs: 2 * PATIENCE_MS,
      until: (found) => {
        const record = deliveryOf(found);
        return record?.rejections === rejections && record.rollbackMachine === undefined;
      },
    });
  const assertServed = () => {
    const { failed, refused, reopened } = caller.counts;
    assert.deepEqual({ failed, refused }, { failed: 0, refused: 0 }, caller.lastFailure() ?? '');
    return reopened;
  };

  it('reaches exactly one machine, which gets the old token back while the app answers', async () => {
    const before = updates();
    world.outside.api.refuse((tokenId) => tokenId !== good);
    await tenant.requestRefresh();
    const binding = await rolledBack(1);
    assert.deepEqual(reached(before), [0, 0, 2], 'one machine is updated to the new token and back');
    const record = deliveryOf(binding);
    assert.equal(record?.tokenId, settled.status?.token?.id);
    assert.equal(record?.rejectedTokenId, binding.status?.token?.id);
    await waitFor(() => serving(world), { what: 'all to serve again', timeoutMs: PATIENCE_MS });
    const { ok } = caller.counts;
    await waitFor(() => caller.counts.ok > ok + 20, { what: 'calls', timeoutMs: PATIENCE_MS });
    assertServed();
  });

  it('is told by machine, app, token and what consumers in the cluster hold', async () => {
    const binding = await tenant.binding();
    const condition = conditionOf(binding, 'Delivered');
    assert.deepEqual([condition?.status, condition?.reason], ['False', 'RolledBack']);
    assert.ok(isTrue(binding, 'Ready'), 'the old token serves');
    const message = condition?.message ?? '';
    const { fly, app } = world.outside;
    assert.ok(
      fly.machines(app).some(({ id }) => message.includes(id)),
      message,
    );
    for (const part of [app, binding.status?.token?.id, settled.status?.token?.id, TARGET]) {
      assert.ok(part && message.includes(part), `${part} in: ${message}`);
    }
    assert.notEqual((await tenant.token())?.jti, good, 'the Secret holds the new token, as told');
    const events = await waitFor(() => tenant.events('RolledBack'), {
      what: 'the event',
      timeoutMs: PATIENCE_MS,
      until: (found) => found.length > 0,
    });
    assert.equal(events[0]?.type, 'Warning');
  });

  it('is followed by one fresh token before the old one is urgent; refused again, it is for a person', async () => {
    const before = updates();
    const issued = tenant.issued;
    const binding = await rolledBack(2);
    assert.equal(tenant.issued, issued + 1);
    const expiresAt = Date.parse(settled.status?.token?.expiresAt ?? '');
    const issuedAt = Date.parse(binding.status?.token?.issuedAt ?? '');
    assert.ok(expiresAt - issuedAt > (LIFETIME * 1000) / 8, 'the retrial came before the urgent zone');
    assert.deepEqual(reached(before), [0, 0, 2]);
    assert.equal(deliveryOf(binding)?.tokenId, settled.status?.token?.id);
    const stalled = await waitFor(() => tenant.binding(), {
      what: 'Stalled',
      timeoutMs: PATIENCE_MS,
      until: (found) => isTrue(found, 'Stalled'),
    });
    assert.equal(conditionOf(stalled, 'Stalled')?.reason, 'RolledBack');
    assertServed();
  });

  it('is healed by a refresh that somebody requests once the API accepts', async () => {
    world.outside.api.relent();
    const binding = await tenant.settled(await tenant.requestRefresh());
    const record = deliveryOf(binding);
    assert.equal(record?.tokenId, binding.status?.token?.id);
    assert.deepEqual([record?.rejections, record?.rejectedTokenId], [undefined, undefined]);
    assert.equal(conditionOf(binding, 'Stalled'), undefined);
    assert.equal(record?.machines?.current, MACHINES);
    assertServed();
  });
});

function serving(world: World): boolean {
  const { fly, app } = world.outside;
  return fly
    .machines(app)
    .every(({ state, checks }) => state === 'started' && checks.every(({ status }) => status === 'passing'));
}
