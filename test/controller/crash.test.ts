import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Death } from '../support/mortal.ts';
import { type Ground, prepareGround } from './crash-ground.ts';
import { createSettled, liveTwice } from './crash-life.ts';
import { assertGone, assertSpread } from './crash-outcome.ts';
import { CrashSite } from './crash-site.ts';

/** What a controller goes through, once per round. */
interface Story {
  readonly title: string;
  /** Apps on Fly by name, and how many machines they have. */
  readonly apps: Readonly<Record<string, number>>;
  /** How often each effect is needed; leases and records of progress are not counted. */
  readonly needed: Readonly<Record<string, number>>;
  /** What is there before, settled. Gives the binding's name. */
  arrange(site: CrashSite, round: number): Promise<string>;
  /** What a person does, and the controller has to follow. */
  act(site: CrashSite, round: number): Promise<void>;
  verify(site: CrashSite, round: number): Promise<void>;
}

const STORIES: readonly Story[] = [
  {
    title: 'a first issue',
    apps: { shop: 2 },
    needed: { 'issue token': 1, 'create secrets': 1, 'set secret': 1, 'update machine': 2 },
    arrange: async (_site, round) => `new-${round}`,
    act: (site, round) => site.create(`new-${round}`, [`shop/TOKEN_${round}`]),
    verify: (site, round) => assertSpread(site, `new-${round}`, [`shop/TOKEN_${round}`]),
  },
  {
    title: 'a refresh with two deliveries',
    apps: { shop: 1, desk: 1 },
    needed: {
      ...{ 'issue token': 1, 'create secrets': 1, 'apply secrets': 1, 'delete secrets': 1 },
      ...{ 'set secret': 2, 'update machine': 2 },
    },
    arrange: async (site, round) => {
      if (round === 1) await createSettled(site, 'steady', ['shop/TOKEN', 'desk/TOKEN']);
      return 'steady';
    },
    act: (site, round) => site.requestRefresh('steady', String(round)),
    verify: async (site, round) => {
      await assertSpread(site, 'steady', ['shop/TOKEN', 'desk/TOKEN']);
      const binding = await site.binding('steady');
      assert.equal(binding?.status?.lastHandledRefreshAt, String(round));
      assert.deepEqual(await site.secretNames(), ['fly', 'm2m', 'steady'], 'no previous token may be left');
    },
  },
  {
    title: 'a delivery pointed at another key, policy Delete',
    apps: { shop: 1 },
    needed: { 'set secret': 1, 'unset secret': 1, 'update machine': 1 },
    arrange: async (site, round) => {
      if (round === 1) await createSettled(site, 'moving', ['shop/TOKEN_0'], 'Delete');
      return 'moving';
    },
    act: (site, round) => site.retarget('moving', [`shop/TOKEN_${round}`]),
    verify: async (site, round) => {
      await assertSpread(site, 'moving', [`shop/TOKEN_${round}`]);
      await assertGone(site, `shop/TOKEN_${round - 1}`);
    },
  },
  {
    title: 'a deletion, policy Delete',
    apps: { shop: 1 },
    needed: { 'unset secret': 1, 'patch tokenbindings': 1 },
    arrange: async (site, round) => {
      await createSettled(site, `old-${round}`, [`shop/TOKEN_${round}`], 'Delete');
      return `old-${round}`;
    },
    act: (site, round) => site.delete(`old-${round}`),
    verify: async (site, round) => {
      assert.equal(await site.binding(`old-${round}`), undefined, 'the binding must go');
      assert.equal(site.hasSecret(`shop/TOKEN_${round}`), false, 'the remote secret must go');
    },
  },
];

/** Plays one round with a death in it, then lets a new process go on. Gives whether there was a death. */
async function playRound(story: Story, site: CrashSite, death: Death): Promise<boolean> {
  const round = death.effect;
  const name = await story.arrange(site, round);
  await story.act(site, round);
  const { survived, before, after } = await liveTwice(site, name, death);
  await story.verify(site, round);
  const effects = [...before, ...after];
  for (const [name, needed] of Object.entries(story.needed)) {
    assert.ok(count(effects, name) >= needed, `"${name}" must happen ${needed} times`);
  }
  const repeated = repetitions(story, effects);
  assert.ok(repeated.length <= (survived ? 0 : 1), `done more often than needed: ${repeated.join(', ')}`);
  return !survived;
}

/** What was done more often than needed, once per time too many. */
function repetitions({ needed }: Story, effects: readonly string[]): string[] {
  const spare: Record<string, number> = { ...needed };
  return effects.filter((name) => {
    if (BOOKKEEPING.has(name)) return false;
    spare[name] = (spare[name] ?? 0) - 1;
    return spare[name] < 0;
  });
}

/** Locks, and notes on how far the work has come: how many there are depends on when machines get ready. */
const BOOKKEEPING = new Set([
  ...['patch tokenbindings/status', 'lease machine', 'release machine'],
  // The hand-over of a new Secret's fields from its create to the applies.
  'patch secrets',
]);

const count = (effects: readonly string[], name: string) =>
  effects.filter((candidate) => candidate === name).length;

const siteName = (story: number, moment: Death['moment']) => `story-${story}-${moment}`;

let ground: Ground;
before(async () => {
  const moments = ['before', 'after'] as const;
  ground = await prepareGround(
    STORIES.flatMap((_, index) => moments.map((moment) => siteName(index, moment))),
  );
});
after(() => ground?.stop());

describe('a controller that dies', { concurrency: 4 }, () => {
  for (const [index, story] of STORIES.entries()) {
    for (const moment of ['before', 'after'] as const) {
      test(`right ${moment} any effect of ${story.title} leaves what its heir completes, repeating one at most`, async (t) => {
        const site = await CrashSite.open(ground, siteName(index, moment), story.apps);
        try {
          let effect = 1;
          while (await playRound(story, site, { effect, moment })) effect += 1;
          t.diagnostic(`${effect - 1} deaths`);
          const needed = Object.values(story.needed).reduce((sum, times) => sum + times, 0);
          assert.ok(effect > needed, 'it must die at every effect');
        } finally {
          await site.close();
        }
      });
    }
  }
});
