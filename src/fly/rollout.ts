import { MachinesApiError } from './api-call.ts';
import { reloadMachine } from './machine-reload.ts';
import { updateMachine } from './machine-update.ts';
import type { ObservedMachine } from './observed-machine.ts';
import { conclude, type Outcome } from './rollout-outcome.ts';
import type { Mishap, RolloutProgress } from './rollout-progress.ts';
import type { RolloutPolicy, RolloutSite, RolloutTarget } from './rollout-site.ts';
import { RolloutTurn } from './rollout-turn.ts';

/** What a rollout is to reach, and how. */
export interface RolloutOrder {
  readonly target: RolloutTarget;
  readonly policy: RolloutPolicy;
}

/**
 * Takes a rollout one step further: gives the target to the machines that may have it now, or watches those that
 * are to become well. Everything it needs to know it observes, so it may be stopped at any point and called again.
 *
 * @throws {MachinesApiError} when Fly cannot be asked; what merely stands in the way is `waiting`
 */
export async function advanceRollout(
  site: RolloutSite,
  order: RolloutOrder,
  signal?: AbortSignal,
): Promise<RolloutProgress> {
  const { only } = order.target;
  const fleet = (await listPatiently(site, signal)).filter(({ id }) => only === undefined || id === only);
  const turn = new RolloutTurn({ ...site, ...order, signal }, fleet);
  return conclude(turn, await actPatiently(turn));
}

/** Machines refused in one call that are not waited for before others are tried. */
const MOST_ASIDE = 2;

/** Turns to other machines when one cannot be changed now: somebody's lease or a full host is no reason to expire. */
async function actPatiently(turn: RolloutTurn): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (turn.aside.size <= MOST_ASIDE) {
    const latest = await act(turn);
    outcomes.push(...latest);
    const refused = latest.filter(isSurelyRefused).filter(({ machineId }) => !turn.aside.has(machineId));
    if (refused.length === 0 || turn.reached.size > 0) break;
    for (const { machineId } of refused) turn.aside.add(machineId);
  }
  return outcomes;
}

/** Whether Fly changed nothing. A machine that may have got an unproven target must stay the only one. */
function isSurelyRefused({ result }: Outcome): boolean {
  if (result.status === 'fulfilled') return false;
  const error: unknown = result.reason;
  return error instanceof MachinesApiError && error.hasStatus(400, 409, 412, 422);
}

function act(turn: RolloutTurn): Promise<Outcome[]> {
  const { next } = turn.plan();
  switch (next.do) {
    case 'update':
      return together(next.machines, (machine) => updateMachine(turn, machine));
    case 'reload':
      return together(next.machines, ({ id }) => reloadMachine(turn, id));
    case 'watch':
      return together(next.machines, (machine) => watch(turn, machine));
    case 'watchOverdue':
      return together([next.machine], (machine) => watch(turn, machine));
    default:
      return Promise.resolve([]);
  }
}

async function watch(turn: RolloutTurn, machine: ObservedMachine): Promise<undefined> {
  await turn.observe(machine);
}

/** All at the same time; none is left in the middle because another failed. */
async function together(
  machines: readonly ObservedMachine[],
  work: (machine: ObservedMachine) => Promise<Mishap | undefined>,
): Promise<Outcome[]> {
  const results = await Promise.allSettled(machines.map(work));
  return results.map((result, index) => ({ machineId: machines[index]?.id ?? '', result }));
}

/** A list costs one request of a budget that refills every second: a short 429 is waited out, as paced. */
async function listPatiently({ machines }: RolloutSite, signal?: AbortSignal): Promise<ObservedMachine[]> {
  try {
    return await machines.list(signal);
  } catch (error) {
    if (!(error instanceof MachinesApiError && error.hasStatus(429))) throw error;
    return machines.list(signal);
  }
}
