import type { ObservedMachine } from './observed-machine.ts';

/**
 * Our note in a machine's metadata that its version was made with at least a version of the app's secrets.
 * It travels inside the update itself, so that note and new version are one atomic step. It names the machine,
 * because a clone copies the config, note included, while its secrets are whatever its maker knew. Nothing in it
 * derives from a secret: Fly publishes metadata in its internal DNS.
 */
export function markerFor(machineId: string, secretsVersion: number): string {
  return `${machineId}:${secretsVersion}`;
}

/** Whether the machine carries a note of its own for `secretsVersion` or a later one. */
export function holdsVersion(machine: Marked, marker: string, secretsVersion: number): boolean {
  return (markedVersion(machine, marker) ?? -1) >= secretsVersion;
}

/** The version of the app's secrets in the machine's own note; undefined when there is none, as on a clone. */
export function markedVersion({ id, metadata }: Marked, marker: string): number | undefined {
  const [, owner, version] = /^(\w+):(\d+)$/.exec(metadata.get(marker) ?? '') ?? [];
  return owner === id ? Number(version) : undefined;
}

type Marked = Pick<ObservedMachine, 'id' | 'metadata'>;
