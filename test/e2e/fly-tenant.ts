import type { World } from '../../sandbox/world.ts';
import type { FlyDelivery } from '../../src/binding/token-binding.generated.ts';
import { createCountedTenant, type Tenant } from './scenario.ts';

/** The secret of the app that takes the token. */
export const KEY = 'TOOLBRIDGE_JWT_TOKEN';

/** A delivery as a person writes it: fields with defaults may be left out. */
type WrittenDelivery = Partial<FlyDelivery> & { app: string };

/** Another tenant, with an app of the same name on Fly that has no machines. */
export async function createFlyTenant(world: World, name: string): Promise<Tenant> {
  const { fly } = world.outside;
  await fly.createApp({ name });
  return createCountedTenant(world, name, { app: name, apiToken: fly.deployToken(name) });
}

/** One entry of `spec.deliveries`. */
export function delivery(name: string, fly: WrittenDelivery): { name: string; fly: WrittenDelivery } {
  const apiTokenRef = { name: 'fly-deploy', key: 'token' };
  return { name, fly: { secretName: KEY, apiTokenRef, ...fly } };
}

/** Applies the example binding with these deliveries, and waits until they have the token. */
export async function bindAndSettle(
  tenant: Tenant,
  deliveries: readonly ReturnType<typeof delivery>[],
): Promise<void> {
  await tenant.bind(({ spec }) => {
    spec.deliveries = [...deliveries];
  });
  await tenant.settled();
}
