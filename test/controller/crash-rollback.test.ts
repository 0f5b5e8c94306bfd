import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { deliveredCondition } from '../../src/binding/delivery.ts';
import { until } from '../support/until.ts';
import { type Ground, prepareGround } from './crash-ground.ts';
import { createSettled, liveTwice } from './crash-life.ts';
import { assertSpread } from './crash-outcome.ts';
import { PickyApi } from './crash-picky-api.ts';
import { CrashSite } from './crash-site.ts';

const NAMESPACE = 'rollback';
const BINDING = 'tried';
const APP = 'shop';
const SECRET = 'TOKEN';
const PLACE = `${APP}/${SECRET}`;

/** Effects after which a death has to be seen, counted by name; whatever lies between them is seen as well. */
const NEEDED = [
  // The first machine gets the token; whether it is well is not known yet.
  'update machine 1',
  // It is known to have refused the token; nothing says so yet.
  'release machine 1',
  // The vault holds the previous token again; nothing says so yet.
  'set secret 2',
  // The machine gets the previous token back; nothing says so yet.
  'update machine 2',
  // A token that is taken has reached all, and the previous one has been deleted.
  'delete secrets 1',
];

/** What there was before a round. */
interface Start {
  readonly token: string;
  readonly tokenId: string | undefined;
  readonly updates: readonly number[];
}

let ground: Ground;
let site: CrashSite;
const api = new PickyApi(SECRET);
before(async () => {
  ground = await prepareGround([NAMESPACE]);
  site = await CrashSite.open(ground, NAMESPACE, { [APP]: 3 }, api.program);
  await createSettled(site, BINDING, [PLACE]);
});
after(async () => {
  await site?.close();
  await ground?.stop();
});

const updates = () => site.machines(APP).map((machine) => machine.updates);

async function start(): Promise<Start> {
  const { status } = (await site.binding(BINDING)) ?? {};
  return { token: await site.storedToken(BINDING), tokenId: status?.token?.id, updates: updates() };
}

/** How many updates each machine got since, the fewest first. */
const updatesSince = ({ updates: earlier }: Start) =>
  updates()
    .map((count, index) => count - (earlier[index] ?? 0))
    .toSorted((a, b) => a - b);

/**
 * A token that the API does not take is rolled out, and once it is taken back, one that it does. Gives the effects
 * of the process that dies.
 */
async function playRound(round: string, effect: number): Promise<readonly string[]> {
  const earlier = await start();
  api.refuseAllBut(earlier.token);
  await site.requestRefresh(BINDING, `${round}: refused`);
  let lives = false;
  const recover = async () => {
    // Whoever lives then has seen it: one that finds a token refused may not try it again.
    await until(async () => (await isRolledBack()) && lives, `the rollback is told (${round})`);
    await assertRolledBack(earlier);
    api.relent();
    await site.requestRefresh(BINDING, `${round}: taken`);
  };
  const onLife = (isAlive: boolean) => {
    lives = isAlive;
  };
  const [{ before: effects }] = await Promise.all([
    liveTwice(site, BINDING, { effect, moment: 'after' }, onLife),
    recover(),
  ]);
  await assertRecovered(earlier);
  return effects;
}

async function deliveryRecord() {
  const { status } = (await site.binding(BINDING)) ?? {};
  const [record] = status?.deliveries ?? [];
  assert.ok(record, 'the status must tell of the delivery');
  return { record, status };
}

async function isRolledBack(): Promise<boolean> {
  const { record } = await deliveryRecord();
  return record.rejectedTokenId !== undefined && record.rollbackMachine === undefined;
}

async function assertRolledBack(earlier: Start): Promise<void> {
  const refusals = api.takeRefusals();
  assert.equal(refusals.length, 1, 'one machine may start with the refused token, once');
  assert.deepEqual(updatesSince(earlier), [0, 0, 2], 'one is updated, to the token and back');
  assert.deepEqual(await site.running(PLACE), [earlier.token, earlier.token, earlier.token]);
  const leases = site.machines(APP).map(({ leasedUntilMs }) => leasedUntilMs);
  assert.deepEqual(leases, [undefined, undefined, undefined], 'no lease may be left');
  const { record, status } = await deliveryRecord();
  const condition = deliveredCondition(record);
  assert.deepEqual([condition?.status, condition?.reason], ['False', 'RolledBack']);
  assert.ok(condition?.message.includes(String(refusals[0]?.machineId)), condition?.message);
  assert.equal(record.tokenId, earlier.tokenId, 'the vault must hold the previous token');
  assert.notEqual(status?.token?.id, earlier.tokenId, 'the Secret must hold the new one');
  assert.equal(record.rejectedTokenId, status?.token?.id, 'the refused token must be remembered');
  assert.equal(record.rejections, 1, 'it was refused once');
}

async function assertRecovered(earlier: Start): Promise<void> {
  await assertSpread(site, BINDING, [PLACE]);
  assert.deepEqual(api.takeRefusals(), [], 'the refused token may not be tried again');
  assert.deepEqual(updatesSince(earlier), [1, 1, 3], 'each machine is updated once more');
  assert.ok(api.markersAreUnique, 'no machine may be updated twice for one version of the secrets');
  assert.deepEqual(await site.secretNames(), ['fly', 'm2m', BINDING], 'no previous token may be left');
}

/** `update machine 2`: the second effect of that name. */
function nameEffect(effects: readonly string[], index: number): string {
  const name = effects[index];
  return `${name} ${effects.slice(0, index + 1).filter((other) => other === name).length}`;
}

/** From the first machine's update until the next token is asked for, and the end of the previous token. */
function isAmidRollback(effects: readonly string[], index: number): boolean {
  const isRollback = index >= effects.indexOf('update machine') && index < effects.lastIndexOf('issue token');
  return isRollback || effects[index] === 'delete secrets';
}

describe('a controller that dies amid the rollback of a refused token', () => {
  test('leaves what its heir completes: one machine went there and back, and the token stays refused', async (t) => {
    const effects = await playRound('no death', Number.POSITIVE_INFINITY);
    const deaths: string[] = [];
    for (const index of effects.keys()) {
      if (!isAmidRollback(effects, index)) continue;
      const last = await playRound(`death after ${nameEffect(effects, index)}`, index + 1);
      deaths.push(nameEffect(last, last.length - 1));
    }
    t.diagnostic(`died after: ${deaths.join(', ')}`);
    for (const place of NEEDED) assert.ok(deaths.includes(place), `it must die after "${place}"`);
  });
});
