import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { type Happening, Happenings } from './happenings.ts';
import {
  conditionOf,
  createTenant,
  deliveryOf,
  PATIENCE_MS,
  startScenario,
  type Tenant,
} from './scenario.ts';

/** A container that starts again keeps the name of its Pod, and so its Lease. */
const IDENTITY = 'controller-0';
const SEED = 20_261_124;
/** A refresh of two machines is 23 happenings, from the first step to the last lease that is given back. */
const HAPPENINGS = Array.from({ length: 23 }, (_, index) => index + 1);
const KILLS = 6;
const [RANDOM_MOMENTS = []] = fc.sample(
  fc.shuffledSubarray(HAPPENINGS, { minLength: KILLS, maxLength: KILLS }),
  { seed: SEED, numRuns: 1 },
);

describe('a controller killed by SIGKILL and started again', () => {
  let world: World;
  let tenant: Tenant;
  let happenings: Happenings;
  let controller: ControllerProcess;

  before(async () => {
    world = await startScenario();
    happenings = new Happenings(world);
    tenant = await createTenant(world, 'restart');
    await start();
    await tenant.bind();
    await tenant.settled();
  });
  after(() => world?.stop());

  async function start(): Promise<void> {
    controller = await world.startController({ identity: IDENTITY, onLine: happenings.onLine });
  }

  /** Lets `trigger` begin a refresh and kills the controller at the moment. Gives what `trigger` gave. */
  async function killAt<T>(moment: Moment, trigger: () => Promise<T>): Promise<T> {
    let ended: number | NodeJS.Signals | undefined;
    void controller.stopped.then((how) => {
      ended = how;
    });
    happenings.strike(moment, () => controller.kill('SIGKILL'));
    const given = await trigger();
    const how = await waitFor(() => ended, { what: 'the moment of the kill', timeoutMs: PATIENCE_MS });
    assert.equal(how, 'SIGKILL');
    return given;
  }

  /** A refresh that the controller is killed amid, started again, and waited for. */
  async function refreshKilledAt(
    moment: Moment,
    trigger: () => Promise<string> = () => tenant.requestRefresh(),
    { keepLeases = false } = {},
  ): Promise<Round> {
    const issuedBefore = world.outside.issuer.issued.length;
    const updatesBefore = updates();
    const refresh = await killAt(moment, trigger);
    const stored = (await tenant.token())?.jti;
    // A lease left behind is waited out in a test of its own; elsewhere somebody clears it.
    if (!keepLeases) world.outside.fly.clearLeases(world.outside.app);
    await start();
    await tenant.settled(refresh);
    const issued = tokenIds().slice(issuedBefore);
    return {
      issued,
      storedAtKill: stored !== undefined && issued.includes(stored),
      updates: updates().map((count, index) => count - (updatesBefore[index] ?? 0)),
    };
  }

  /** `jti` of every token issued, the oldest first. */
  function tokenIds(): string[] {
    return world.outside.issuer.issued.map(({ tokenId }) => tokenId);
  }

  function updates(): number[] {
    return world.outside.fly.machines(world.outside.app).map((machine) => machine.updates);
  }

  /** What holds at the end, whenever the kill was. */
  async function assertConverged({ issued, storedAtKill, updates: perMachine }: Round): Promise<void> {
    // A token that was on its way when the controller died is lost, and one more is issued in its place.
    assert.ok(
      issued.length <= (storedAtKill ? 1 : 2),
      `${issued.length} tokens issued, ${storedAtKill ? 'one' : 'none'} stored at the kill`,
    );
    assert.equal((await tenant.token())?.jti, issued.at(-1), 'the Secret holds the newest token');
    assert.deepEqual(perMachine, [1, 1], 'updates of each machine for the one new token');
    const delivery = deliveryOf(await tenant.binding());
    assert.deepEqual(delivery?.machines, { total: 2, current: 2, skipped: 0, failed: 0 });
    for (const { secretsVersion } of world.outside.fly.machines(world.outside.app)) {
      assert.equal(secretsVersion, delivery?.secretsVersion);
    }
  }

  it('stores the first token of a binding, killed as the Secret was to be written', async () => {
    const newcomer = await createTenant(world, 'newcomer');
    const issuedBefore = tokenIds().length;
    await killAt(at('step writingSecret'), () =>
      newcomer.bind((binding) => Object.assign(binding.spec, { deliveries: [] })),
    );
    const stored = await newcomer.token();
    await start();
    await newcomer.settled();
    const issued = tokenIds().slice(issuedBefore);
    assert.ok(issued.length <= (stored ? 1 : 2), `${issued.length} tokens were issued`);
    assert.equal((await newcomer.token())?.jti, issued.at(-1));
  });

  it('does not issue again for a request that the stored token answers, killed before the status told', async () => {
    const round = await refreshKilledAt(at('step settingFlySecret'));
    assert.ok(round.storedAtKill, 'the kill came before the Secret was written');
    await assertConverged(round);
  });

  it('does not issue again after an outage that the stored token ended, killed before the status told', async () => {
    world.outside.issuer.setFault({ kind: 'serverError' });
    const refresh = await tenant.requestRefresh();
    await waitFor(() => tenant.binding(), {
      what: 'the outage in the status',
      timeoutMs: PATIENCE_MS,
      until: (binding) => conditionOf(binding, 'Issued')?.reason === 'ProviderUnavailable',
    });
    const round = await refreshKilledAt(at('step settingFlySecret'), async () => {
      world.outside.issuer.clearFault();
      return refresh;
    });
    assert.ok(round.storedAtKill, 'the kill came before the Secret was written');
    await assertConverged(round);
  });

  it('goes on with the rollout, killed after the first of two machines was updated', async () => {
    const round = await refreshKilledAt(at('fly updateMachine'));
    assert.equal(round.issued.length, 1);
    await assertConverged(round);
  });

  it('goes on with the rollout once the lease it left on a machine has run out', async () => {
    const round = await refreshKilledAt(at('fly acquireLease'), undefined, { keepLeases: true });
    assert.equal(round.issued.length, 1);
    await assertConverged(round);
  });

  for (const moment of RANDOM_MOMENTS) {
    it(`repeats nothing that it had done, killed at happening ${moment} of a refresh (seed ${SEED})`, async () => {
      await assertConverged(await refreshKilledAt((_, count) => count === moment));
    });
  }
});

type Moment = (happening: Happening, count: number) => boolean;

/** What a refresh came to. */
interface Round {
  /** `jti` of each token issued in it, the oldest first. */
  readonly issued: readonly string[];
  /** Whether the Secret held one of them when the controller was dead. */
  readonly storedAtKill: boolean;
  /** Updates of each machine in it. */
  readonly updates: readonly number[];
}

const at = (wanted: Happening) => (happening: Happening) => happening === wanted;
