import { createTrustingFetch } from '../../sandbox/trusting-fetch.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import type { Tenant } from './scenario.ts';
import { deliveryOf, PATIENCE_MS } from './scenario.ts';

/** One more app on Fly, with machines that run the consumer as those of the world's own app do. */
export async function deployFleet(world: World, app: string, machines: number): Promise<void> {
  const { fly, app: model, secrets } = world.outside;
  const [config] = fly.machines(model).map((machine) => machine.config);
  if (!config) throw new Error('the world has no machine to take as a model');
  await fly.createApp({ name: app });
  fly.meddle(app).setSecrets({ TENANT_HEADER_SECRET: secrets[1] ?? null });
  const fresh = { ...config, metadata: { fly_platform_version: 'v2', fly_process_group: 'app' } };
  for (let count = 0; count < machines; count += 1)
    await fly.addMachine(app, { config: fresh, state: 'started' });
}

/** How often each machine of an app was updated, by its id. */
export function updatesOf({ outside }: World, app: string): Readonly<Record<string, number>> {
  return Object.fromEntries(outside.fly.machines(app).map(({ id, updates }) => [id, updates]));
}

/** Restarts every machine of an app as `fly machine restart` does: the same version, the environment it has. */
export async function restartAll({ outside: { fly, caPem } }: World, app: string): Promise<void> {
  const { fetch, close } = createTrustingFetch(caPem);
  try {
    for (const { id } of fly.machines(app)) {
      const { status } = await fetch(`${fly.apiUrl}/v1/apps/${app}/machines/${id}/restart`, {
        method: 'POST',
        headers: { authorization: fly.deployToken(app) },
      });
      if (status !== 200) throw new Error(`machine ${id} was not restarted: HTTP ${status}`);
    }
  } finally {
    await close();
  }
}

/** What each running machine says of the token that it calls its API with: `ok`, `refused`, … */
export function healthOf({ outside }: World, app: string): Promise<string[]> {
  const up = outside.fly.machines(app).flatMap(({ url }) => url ?? []);
  return Promise.all(
    up.map(async (url) => ((await (await fetch(`${url}/health`)).json()) as { state: string }).state),
  );
}

/** Waits until the delivery failed for `reason`, as its condition says. */
export function failedWith(tenant: Tenant, reason: string, timeoutMs = PATIENCE_MS) {
  return waitFor(() => tenant.binding(), {
    what: `the delivery of ${tenant.namespace} to be ${reason}`,
    timeoutMs,
    until: (binding) =>
      deliveryOf(binding)?.conditions?.some((condition) => condition.reason === reason) === true,
  });
}

/** The value of a series without labels, as a controller shows it. */
export async function counterOf(metricsUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text();
  return Number(new RegExp(`^tokenbinding_${name} (\\S+)$`, 'm').exec(text)?.[1]);
}
