import { createHash } from 'node:crypto';
import type { EpochMs } from '../clock.ts';
import type { ObservedMachine } from './observed-machine.ts';

/** What the note on a machine tells about the last time its file was written. */
export interface ReloadNote {
  readonly secretsVersion: number;
  /** The process that was running then is the one of now: neither updated nor started anew since. */
  readonly sameBoot: boolean;
  readonly at: EpochMs;
}

/** The machine's id, its version, the start of its process, the version of the secrets, the time; times in ms. */
const NOTE = /^(\w+):([^:]+):(\d+):(\d+):(\d+)$/;

/**
 * The metadata key of the note about one file: each has its own, as each has its own content. The note is made by
 * the metadata endpoint, which makes no new version, so it names all that would make it untrue.
 */
export function reloadNoteKey(marker: string, path: string): string {
  return `${marker}_${createHash('sha256').update(path).digest('hex').slice(0, 8)}`;
}

/** The note for a machine whose file has just been written. Nothing in it derives from the content. */
export function reloadNoteFor(machine: ObservedMachine, secretsVersion: number, at: EpochMs): string {
  return [machine.id, machine.instanceId, bootOf(machine), secretsVersion, at].join(':');
}

/** The machine's own note for its present version; undefined when there is none, as on a clone. */
export function readReloadNote(machine: ObservedMachine, key: string): ReloadNote | undefined {
  const [, id, instanceId, boot, secretsVersion, at] = NOTE.exec(machine.metadata.get(key) ?? '') ?? [];
  if (id !== machine.id || instanceId !== machine.instanceId) return undefined;
  const sameBoot = machine.state === 'started' && Number(boot) === bootOf(machine);
  return { secretsVersion: Number(secretsVersion), sameBoot, at: Number(at) };
}

/** The newest start of its process names a boot; 0 when the events do not tell. */
function bootOf({ startedAt }: ObservedMachine): number {
  return startedAt ?? 0;
}
