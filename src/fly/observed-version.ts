import { list, object, texts } from './json-shape.ts';
import type { ObservedMachine } from './observed-machine.ts';
import { holdsVersion } from './rollout-marker.ts';

/** One version of a machine's config, past, present or one that was given up. */
export interface ObservedVersion {
  /** As a machine's `instanceId`: a ULID, so a later version has a greater one. */
  readonly instanceId: string;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Reads a list of versions; what is not shaped like one is left out. */
export function observeVersions(json: unknown): readonly ObservedVersion[] {
  return list(json)
    .map(object)
    .flatMap(({ version, user_config: config }) =>
      typeof version === 'string' ? [{ instanceId: version, metadata: texts(object(config).metadata) }] : [],
    );
}

/**
 * Whether the machine was given the target in a version later than the one it is at: the platform gave that update
 * up and put the machine back. A version of somebody else's that came after ours and lacks the marker is later.
 */
export function wasTakenBack(
  machine: ObservedMachine,
  versions: readonly ObservedVersion[],
  { marker, secretsVersion }: { readonly marker: string; readonly secretsVersion: number },
): boolean {
  return versions.some(
    ({ instanceId, metadata }) =>
      instanceId > machine.instanceId && holdsVersion({ id: machine.id, metadata }, marker, secretsVersion),
  );
}
