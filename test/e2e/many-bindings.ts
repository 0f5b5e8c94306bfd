import { exampleBinding } from '../../sandbox/example.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { delivery } from './fly-tenant.ts';
import { isTrue, PATIENCE_MS, type Tenant } from './scenario.ts';

/** Applies bindings `binding-<n>` that write to the app and key of their number, all at once. */
export async function bindAll(
  world: World,
  tenant: Tenant,
  targets: readonly { readonly app: string; readonly secretName?: string }[],
): Promise<string[]> {
  const example = await exampleBinding(world.example);
  const bindings = targets.map((target, index) => ({
    ...example,
    metadata: { name: `binding-${index}` },
    spec: {
      ...example.spec,
      refresh: { jitterPercent: 0 },
      secret: { name: `token-${index}` },
      deliveries: [delivery('app', target)],
    },
  }));
  await world.objects.apply(bindings.map((binding) => tenant.own(binding)));
  return bindings.map(({ metadata }) => metadata.name);
}

/** Asks for a refresh of all at once; gives the requests, in their order. */
export const refreshAll = (tenant: Tenant, names: readonly string[]) =>
  Promise.all(names.map((name) => tenant.requestRefresh(name)));

/** Waits until every binding will do. */
export function all(
  tenant: Tenant,
  names: readonly string[],
  will: (binding: TokenBinding, index: number) => boolean,
) {
  return waitFor(() => Promise.all(names.map((name) => tenant.binding(name))), {
    what: `all of ${tenant.namespace} to be settled`,
    timeoutMs: 2 * PATIENCE_MS,
    until: (bindings) =>
      bindings.every((binding, index) => isTrue(binding, 'Delivered') && will(binding, index)),
  });
}

export const isHandled = (requests: readonly string[]) => (binding: TokenBinding, index: number) =>
  binding.status?.lastHandledRefreshAt === requests[index];
