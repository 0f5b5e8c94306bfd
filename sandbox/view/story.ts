import { type Names, shortId } from './names.ts';
import { deliveryOf, holdersOf, isAtRest, type MachineView, type Snapshot } from './snapshot.ts';

/** Something to tell, as it comes from comparing two snapshots. */
export interface News {
  readonly text: string;
  readonly isTrouble?: boolean;
}

/** Two snapshots to compare, the later one last; and how to name what is in them. */
export interface Change {
  readonly before: Snapshot | undefined;
  readonly now: Snapshot;
  readonly names: Names;
  /** Whether this token has been on every machine that is up. */
  readonly hasBeenEverywhere: (tokenId: string) => boolean;
}

/** How tokens came to the machines meanwhile, in the order in which a rollout goes. */
export function storyOf(change: Change): News[] {
  return [
    ...castNews(change),
    ...storeNews(change),
    ...rejectionNews(change),
    ...vaultNews(change),
    ...followNews(change),
    ...restartNews(change),
    ...tokenNews(change),
    ...restingNews(change),
  ];
}

/** Who is who; told once, of every machine that appears. */
function castNews({ before, now, names }: Change): News[] {
  const known = idsOf(before);
  const fresh = now.machines.filter(({ id }) => !known.has(id));
  const what = (machine: MachineView) => {
    if (machine.isStandby) return 'a standby in case another one is lost';
    return isAtRest(machine) ? 'stopped' : 'up';
  };
  return fresh.map((machine) => ({
    text: `${names.machine(machine.id)} is ${machine.id}, ${what(machine)}`,
  }));
}

/** A token is stored only after it was verified. */
function storeNews({ before, now, names }: Change): News[] {
  const { stored } = now;
  if (!stored || stored.tokenId === before?.stored?.tokenId) return [];
  const { tokenId, expiresAt } = stored;
  const token = `${names.token(tokenId)} (${shortId(tokenId)})`;
  const left = `${seconds(expiresAt - now.at)} left`;
  return [{ text: `${token} issued, verified, stored in the Secret; ${left}` }];
}

function vaultNews({ before, now, names, hasBeenEverywhere }: Change): News[] {
  const tokenId = deliveryOf(now)?.tokenId;
  const previous = before && deliveryOf(before)?.tokenId;
  if (tokenId === undefined || tokenId === previous) return [];
  const token = names.token(tokenId);
  if (hasBeenEverywhere(tokenId)) return [{ text: `the app's secrets hold ${token} again` }];
  const meanwhile = previous === undefined ? 'have none yet' : `still run with ${names.token(previous)}`;
  return [{ text: `the app's secrets hold ${token}; machines ${meanwhile}` }];
}

/** The first machine did not get well with the token. */
function rejectionNews({ before, now, names }: Change): News[] {
  const rejected = deliveryOf(now)?.rejectedTokenId;
  if (rejected === undefined || rejected === (before && deliveryOf(before)?.rejectedTokenId)) return [];
  const holders = holdersOf(now, rejected).map(({ id }) => id);
  const who = holders.length === 0 ? '' : `; only ${names.machines(holders)} had it`;
  return [{ text: `${names.token(rejected)} does not work and is taken back${who}`, isTrouble: true }];
}

/** The machine that got the token first is well, as the next ones get it. */
function followNews({ before, now, names, hasBeenEverywhere }: Change): News[] {
  const tokenId = deliveryOf(now)?.tokenId;
  if (!before || tokenId === undefined || hasBeenEverywhere(tokenId)) return [];
  const [first, ...more] = holdersOf(before, tokenId);
  if (!first || more.length > 0 || holdersOf(now, tokenId).length < 2) return [];
  const { strategy = 'Rolling', maxUnavailable = 1 } = now.binding?.spec?.deliveries?.[0]?.fly.rollout ?? {};
  const pace = strategy === 'Rolling' ? `, at most ${maxUnavailable} at a time` : '';
  return [{ text: `${names.machine(first.id)} is well with ${names.token(tokenId)}; others follow${pace}` }];
}

/** The first machine that restarts for a token; of the others it is told when they are up again. */
function restartNews({ before, now, names, hasBeenEverywhere }: Change): News[] {
  const tokenId = deliveryOf(now)?.tokenId;
  if (!before || tokenId === undefined || hasBeenEverywhere(tokenId)) return [];
  const [first, ...more] = holdersOf(now, tokenId);
  if (!first || more.length > 0 || holdersOf(before, tokenId).length > 0) return [];
  if (first.pid !== undefined && first.tokenId === tokenId) return [];
  return [
    {
      text: `${names.machine(first.id)} restarts with ${names.token(tokenId)}: alone, watched, the others wait`,
    },
  ];
}

/** A process uses another token than before: a new process, or one that looked into its file. */
function tokenNews(change: Change): News[] {
  const known = new Map(change.before?.machines.map((machine) => [machine.id, machine]));
  return change.now.machines.flatMap((machine) => {
    const earlier = known.get(machine.id);
    const isNew = machine.tokenId !== undefined && machine.tokenId !== earlier?.tokenId;
    return [
      ...(isNew ? [{ text: takeover(change, machine, earlier) }] : []),
      ...ailment(change, machine, earlier),
    ];
  });
}

function takeover({ now, names }: Change, machine: MachineView, earlier: MachineView | undefined): string {
  const { id, tokenId = '', expiresAt, pid } = machine;
  const [who, token] = [names.machine(id), names.token(tokenId)];
  const left = expiresAt === undefined ? '' : `, ${seconds(expiresAt - now.at)} left`;
  // One that did not answer was still booting.
  if (earlier?.health === undefined || pid !== earlier.pid) return `${who} is up with ${token}${left}`;
  const isAlone = holdersOf(now, tokenId).length === 1;
  return `${who} reads ${token} from its file, no restart${isAlone ? ': watched, the others wait' : left}`;
}

/** Its token is of no use, and was not or another one at the last look. */
function ailment({ names }: Change, machine: MachineView, earlier: MachineView | undefined): News[] {
  const { id, tokenId, health } = machine;
  if (health === earlier?.health && tokenId === earlier?.tokenId) return [];
  const token = tokenId === undefined ? 'the token' : names.token(tokenId);
  if (health === 'refused')
    return [{ text: `the API refuses ${token} of ${names.machine(id)}`, isTrouble: true }];
  if (health === 'expired')
    return [{ text: `${token} of ${names.machine(id)} has expired`, isTrouble: true }];
  return [];
}

function restingNews({ before, now, names }: Change): News[] {
  const known = new Map(before?.machines.map(({ id, bootTokenId }) => [id, bootTokenId]));
  const fresh = now.machines.filter(
    (machine) =>
      isAtRest(machine) &&
      machine.bootTokenId !== undefined &&
      known.has(machine.id) &&
      known.get(machine.id) !== machine.bootTokenId,
  );
  const byToken = Map.groupBy(fresh, ({ bootTokenId = '' }) => bootTokenId);
  return [...byToken].map(([tokenId, resting]) => {
    const who = names.machines(resting.map(({ id }) => id));
    const [stays, it] = resting.length === 1 ? ['stays', 'it'] : ['stay', 'they'];
    return { text: `${who} ${stays} stopped; ${it} will start with ${names.token(tokenId)}` };
  });
}

const idsOf = (snapshot: Snapshot | undefined) => new Set(snapshot?.machines.map(({ id }) => id));

/** Milliseconds as `58 s`. */
export const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;
