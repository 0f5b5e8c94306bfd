import type { Names } from './names.ts';
import type { Paint } from './paint.ts';
import { deliveryOf, holdersOf, isAtRest, type MachineView, type Snapshot } from './snapshot.ts';
import { seconds } from './story.ts';

/** A machine, the token that it uses, and the life left in that: `1  93d96b53d4f5e8  started  token 2  57 s left  ok`. */
export function machineLine(machine: MachineView, snapshot: Snapshot, names: Names, paint: Paint): string {
  const number = names.machine(machine.id).replace(/\D/g, '').padStart(2);
  const state = (machine.isStandby && isAtRest(machine) ? 'standby' : machine.state).padEnd(9);
  return `${number}  ${machine.id}  ${state}  ${tokenPart(machine, snapshot, names, paint)}`;
}

function tokenPart(machine: MachineView, snapshot: Snapshot, names: Names, paint: Paint): string {
  const { tokenId, bootTokenId, expiresAt } = machine;
  if (isAtRest(machine)) {
    const next =
      bootTokenId === undefined ? 'no token yet' : `gets ${names.token(bootTokenId)} at its next start`;
    return paint('dim', next);
  }
  const isOld = tokenId !== deliveryOf(snapshot)?.tokenId;
  const name = `${tokenId === undefined ? 'no token' : names.token(tokenId)}${tokenId && isOld ? ', old' : ''}`;
  const left = expiresAt === undefined ? '' : lifeLeft(expiresAt - snapshot.at);
  return `${paint(isOld ? 'yellow' : 'green', name.padEnd(13))}  ${left.padEnd(9)}  ${condition(machine, snapshot, paint)}`;
}

function condition(machine: MachineView, snapshot: Snapshot, paint: Paint): string {
  const { id, health } = machine;
  const isBad = health === 'refused' || health === 'expired';
  const words = health === 'refused' ? 'refused' : (health ?? 'no answer');
  const first = triedOn(snapshot) === id ? ', goes first' : '';
  return paint(isBad ? 'red' : 'dim', `${words}${first}`);
}

/** The machine that has a new token while the others do not, if that is so. */
function triedOn(snapshot: Snapshot): string | undefined {
  const tokenId = deliveryOf(snapshot)?.tokenId;
  const [first, ...more] = tokenId === undefined ? [] : holdersOf(snapshot, tokenId);
  const others = snapshot.machines.filter((machine) => !isAtRest(machine) && machine.id !== first?.id);
  return more.length === 0 && others.length > 0 ? first?.id : undefined;
}

const lifeLeft = (ms: number) => (ms > 0 ? `${seconds(ms)} left` : 'expired');
