import assert from 'node:assert/strict';
import type { World } from '../../sandbox/world.ts';

const KINDS = ['tokenbindings', 'events', 'leases', 'configmaps', 'secrets'];

/** By kind: the JSON of every object of the cluster, of Secrets all but their data. */
export async function visibleObjects(world: World): Promise<Map<string, string>> {
  const shown = new Map<string, string>();
  for (const kind of KINDS) {
    const args = ['get', kind, '--all-namespaces', '--show-managed-fields', '--output=json'];
    const { stdout } = await world.cluster.kubectl(args);
    const { items } = JSON.parse(stdout) as { items: { data?: unknown }[] };
    assert.ok(items.length > 0, `there must be ${kind}`);
    if (kind === 'secrets') for (const item of items) delete item.data;
    shown.set(kind, JSON.stringify(items));
  }
  return shown;
}
