import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from '../../sandbox/caller.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { LeakSearch } from '../support/leak-search.ts';
import { RandomNumbers } from '../support/random-numbers.ts';
import { healthOf } from './fly-fleet.ts';
import { createTenant, deliveryOf, PATIENCE_MS, startScenario, type Tenant } from './scenario.ts';
import { StormCrew } from './storm-crew.ts';
import { Deck } from './storm-deck.ts';
import { LEASE_TTL_MS, StormLedger } from './storm-ledger.ts';
import { StormWeather } from './storm-weather.ts';

/** Of what happens; when it happens depends on the processes, so a seed repeats a storm only roughly. */
const SEED = Number(process.env.STORM_SEED ?? 20_261_124);
const STORM_MS = 55_000;
/** Long enough for a rollout to be broken off and gone on with more than once. */
const REFRESH_EVERY_MS = [22_000, 26_000] as const;
/** Before the end of the storm. */
const LAST_REFRESH_MS = 8_000;
/** After the storm: leases left behind, the longest wait after a failure, and a rollout. */
const CALM_MS = 120_000;
/** Seconds. Waits after a failure take a tenth of what is left of it at most. */
const LIFETIME = 180;

describe(`a storm on Fly while controllers are killed (seed ${SEED})`, () => {
  const random = new RandomNumbers(SEED);
  const leaks = new LeakSearch();
  let world: World;
  let tenant: Tenant;
  let crew: StormCrew;
  let caller: Caller;
  let weather: StormWeather;
  let ledger: StormLedger;
  let kills = 0;
  let refresh = '';

  before(async () => {
    world = await startScenario({ machines: 3, tokenLifetimeSeconds: LIFETIME });
    const { fly, app } = world.outside;
    const [first] = fly.machines(app);
    assert.ok(first);
    const { id, config } = first;
    const stopped = await fly.addMachine(app, { config, state: 'stopped' });
    const suspended = await fly.addMachine(app, { config, state: 'suspended' });
    const standby = await fly.addMachine(app, { config: { ...config, standbys: [id] }, state: 'stopped' });
    tenant = await createTenant(world, 'storm');
    crew = await StormCrew.of(world);
    await tenant.bind();
    await tenant.settled();
    weather = new StormWeather({ fly, app, random, wakeable: [stopped, suspended] });
    ledger = new StormLedger({ fly, app, weather, resting: [stopped, suspended, standby] });
    caller = world.startCaller(4, 200);
  });
  after(async () => {
    ledger?.stop();
    await world?.stop();
  });

  /** Kills whoever leads after three to six seconds, or sooner amid an update, again and again. */
  async function killLeaders(until: AbortSignal): Promise<void> {
    const successors = new Deck(['container', 'container', 'Pod'] as const, random);
    while (!until.aborted) {
      const leader = await crew.leader();
      const period = AbortSignal.any([until, AbortSignal.timeout(random.whole(3_000, 6_000))]);
      await (random.chance(0.35) ? nextUpdate(period) : aborted(period));
      if (until.aborted) return;
      leader.kill('SIGKILL');
      ledger.leaderDied();
      kills += 1;
      await crew.replace(leader, successors.next());
      // Somebody finds the leases of the dead in the way; others run out.
      if (random.chance(0.6)) world.outside.fly.clearLeases(world.outside.app);
    }
  }

  /** Waits until a machine was updated, or something else happened to the request. */
  async function nextUpdate(period: AbortSignal): Promise<void> {
    const updated = new AbortController();
    const unheard = world.outside.fly.requests.onAdd(({ action }) => {
      if (action === 'updateMachine') updated.abort();
    });
    await aborted(AbortSignal.any([period, updated.signal]));
    unheard();
  }

  /** The last request comes amid the storm, when what happens to its token can no longer be taken back. */
  async function requestRefreshes(until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      await tenant.requestRefresh();
      await sleep(random.whole(...REFRESH_EVERY_MS), undefined, { signal: until }).catch(() => {});
      await noteToken();
    }
    weather.keepUpdates();
    refresh = await tenant.requestRefresh();
  }

  async function noteToken(): Promise<void> {
    const secrets = await world.objects.secretsOf(tenant.namespace);
    for (const { token } of secrets.values()) if (token?.startsWith('ey')) leaks.addJwt('a token', token);
  }

  function tell(t: TestContext): void {
    const { counts } = caller;
    const { fly, app } = world.outside;
    const updates = fly.machines(app).map((machine) => machine.updates);
    t.diagnostic(`${fly.requests.entries().length} requests to Fly; updates: ${updates.join(', ')}`);
    t.diagnostic(`seed ${SEED}: ${kills} leaders killed, at most ${ledger.mostDown} machine(s) down at once`);
    t.diagnostic(`calls: ${counts.ok} ok, ${counts.refused} refused, ${counts.failed} failed`);
    const strikes = [...weather.strikes].toSorted(([a], [b]) => (a < b ? -1 : 1));
    t.diagnostic(strikes.map(([what, count]) => `${what} ${count}`).join(', '));
  }

  it('converges: every machine that runs holds the latest token, soon after it is over', async (t) => {
    weather.start();
    const ending = AbortSignal.timeout(STORM_MS - LAST_REFRESH_MS);
    await Promise.all([killLeaders(AbortSignal.timeout(STORM_MS)), requestRefreshes(ending)]);
    await weather.calm();
    tell(t);
    assert.ok(kills > 1 && weather.strikes.size > 5, 'this was no storm');
    const binding = await tenant.settled(refresh, CALM_MS);
    await noteToken();
    const { machines, secretsVersion } = deliveryOf(binding) ?? {};
    const { fly, app } = world.outside;
    const total = fly.machines(app).length;
    assert.deepEqual(machines, { total, current: total, skipped: 0, failed: 0 });
    for (const machine of fly.machines(app)) assert.equal(machine.secretsVersion, secretsVersion, machine.id);
    assert.deepEqual(new Set(await healthOf(world, app)), new Set(['ok']));
  });

  it('updates no machine twice for one token', () => {
    assert.deepEqual(ledger.repeated(), []);
  });

  it('leaves no lease behind for longer than it lasts, and starts no machine that was at rest', async () => {
    await waitFor(() => ledger.leases() === 0, { what: 'all leases to end', timeoutMs: LEASE_TTL_MS });
    assert.deepEqual([...ledger.complaints], []);
  });

  it('has no call refused for its token and no more than one machine down for an update', async () => {
    const { ok } = caller.counts;
    await waitFor(() => caller.counts.ok > ok, { what: 'a call', timeoutMs: PATIENCE_MS });
    assert.equal(caller.counts.refused, 0);
    assert.ok(ledger.mostDown <= 1, `${ledger.mostDown} machines were down at once`);
  });

  it('brings no secret into a log', () => {
    const { clientSecret, apiToken } = world.example;
    leaks.add('client secret', clientSecret);
    leaks.addFlyToken('API token', apiToken);
    const log = crew.everyone.flatMap(({ logLines }) => logLines).join('\n');
    assert.deepEqual(leaks.in(log), []);
  });
});

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
