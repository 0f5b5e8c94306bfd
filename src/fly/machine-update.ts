import type { JsonObject } from '@fly/machines-api';
import { object } from './json-shape.ts';
import { MachineLease } from './machine-lease.ts';
import { isAtRest } from './machine-standing.ts';
import type { ObservedMachine } from './observed-machine.ts';
import { wasTakenBack } from './observed-version.ts';
import { holdsVersion, markerFor } from './rollout-marker.ts';
import type { Mishap } from './rollout-progress.ts';
import type { RolloutTurn } from './rollout-turn.ts';

const TAKEN_BACK = 'is back at its previous version: the platform gave the update up';

/**
 * Gives a machine a new version under its lease and watches it. Decides again under the lease: since the list, the
 * machine may have been woken, updated or removed.
 */
export async function updateMachine(turn: RolloutTurn, listed: ObservedMachine): Promise<Mishap | undefined> {
  const { machines, signal } = turn.context;
  const { id } = listed;
  const lease = await MachineLease.take(turn.context, id);
  try {
    const fresh = await machines.get(id, signal);
    turn.see(id, fresh?.observed);
    if (!fresh?.config) return undefined;
    // Those at rest go together, and the first of them is in the middle of its update by now.
    const stillRests = isAtRest(listed) && turn.standing(fresh.observed) === 'resting';
    if (!stillRests && !turn.isNext('update', id)) return undefined;
    if (wasTakenBack(fresh.observed, await machines.versions(id, signal), turn.context.target)) {
      return { machine: fresh.observed, what: TAKEN_BACK, refused: false };
    }
    return await update(turn, { machine: fresh.observed, config: fresh.config }, lease);
  } finally {
    await lease.release();
  }
}

async function update(
  turn: RolloutTurn,
  { machine, config }: { readonly machine: ObservedMachine; readonly config: JsonObject },
  lease: MachineLease,
): Promise<Mishap | undefined> {
  const { machines, target, policy, signal } = turn.context;
  const { id, instanceId } = machine;
  const { floor = target.secretsVersion } = target;
  const marker = markerFor(id, floor);
  const change = {
    config: { ...config, metadata: { ...object(config.metadata), [target.marker]: marker } },
    skip_launch: isAtRest(machine) && !turn.isFallen(machine),
    min_secrets_version: floor,
    current_version: instanceId,
  };
  await lease.keep();
  const updated = await machines.update(id, lease.nonce, change, signal);
  turn.reached.add(id);
  turn.see(id, updated);
  if (policy.strategy === 'Immediate') return undefined;
  const after = await turn.observe(updated, lease);
  return after && mishap(turn, after, { wasAtRest: isAtRest(machine) });
}

/** What went wrong with an update just made that the machine alone does not tell later. */
function mishap(
  turn: RolloutTurn,
  machine: ObservedMachine,
  { wasAtRest }: { wasAtRest: boolean },
): Mishap | undefined {
  const { marker, secretsVersion } = turn.context.target;
  const standing = turn.standing(machine);
  if (standing === 'busy' || standing === 'held' || standing === 'skipped') return undefined;
  if (!holdsVersion(machine, marker, secretsVersion)) return { machine, what: TAKEN_BACK, refused: false };
  // A suspend leaves no exit, and a machine that is just being made is at rest for a moment.
  const ended = machine.lastExit !== undefined && !machine.lastExit.requested;
  const wentDown = isAtRest(machine) && !wasAtRest && ended;
  return wentDown ? { machine, what: 'went down after the update', refused: true } : undefined;
}
