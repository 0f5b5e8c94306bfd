import type { KubernetesObject } from '@kubernetes/client-node';
import { decodeJwt, type JWTPayload } from 'jose';
import { type ExampleSetting, exampleBinding, exampleCredentials } from '../../sandbox/example.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import { startWorld, type World, type WorldOptions } from '../../sandbox/world.ts';
import type { Condition, DeliveryStatus } from '../../src/binding/token-binding.generated.ts';
import type { ObjectMeta, TokenBinding } from '../../src/binding/token-binding.ts';

/** Longest wait for anything that a controller does at once, on a machine that others use as well. */
export const PATIENCE_MS = 60_000;
export const BINDING = 'toolbridge-api';
/** The Secret of the example binding. */
export const TARGET = 'toolbridge-api-token';
const REFRESH_REQUESTED_AT = 'tokenbinding.erauner.dev/refresh-requested-at';

export type Secret = KubernetesObject & { data?: Record<string, string> };
export type BindingEvent = KubernetesObject & { type?: string; reason?: string; note?: string };
type Example = Awaited<ReturnType<typeof exampleBinding>>;

/** A world with the chart in it and no controller; tokens live an hour, so that only a request renews one. */
export async function startScenario(options: Partial<WorldOptions> = {}): Promise<World> {
  const progress = { write: () => true };
  const world = await startWorld({ env: process.env, progress, tokenLifetimeSeconds: 3600, ...options });
  try {
    await world.installChart();
    return world;
  } catch (error) {
    await world.stop();
    throw error;
  }
}

/** A new namespace with the credentials of the example. @param change what is not as in `world.example` */
export async function createTenant(
  world: World,
  namespace: string,
  change: Partial<ExampleSetting> = {},
): Promise<Tenant> {
  const setting = { ...world.example, ...change };
  const tenant = new Tenant(world, namespace, setting);
  await world.objects.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
  await world.objects.apply((await exampleCredentials(setting)).map((secret) => tenant.own(secret)));
  return tenant;
}

/** A tenant with a client of its own at the issuer, so that its tokens can be counted while others go on. */
export function createCountedTenant(
  world: World,
  namespace: string,
  change: Partial<ExampleSetting> = {},
): Promise<Tenant> {
  const client = { id: `client-of-${namespace}`, secret: `secret-of-${namespace}` };
  world.outside.issuer.addClient(client);
  return createTenant(world, namespace, { clientId: client.id, clientSecret: client.secret, ...change });
}

/** One namespace, as its owner sees it. */
export class Tenant {
  readonly namespace: string;
  readonly #world: World;
  readonly #setting: ExampleSetting;

  constructor(world: World, namespace: string, setting: ExampleSetting) {
    this.#world = world;
    this.namespace = namespace;
    this.#setting = setting;
  }

  /** The object, moved to this namespace. */
  own<T extends KubernetesObject>(object: T): T {
    return { ...object, metadata: { ...object.metadata, namespace: this.namespace } };
  }

  /** Applies the example binding, changed as a test needs it. */
  async bind(change: (binding: Example) => void = () => {}): Promise<void> {
    const binding = await exampleBinding(this.#setting);
    change(binding);
    await this.#world.objects.apply([this.own(binding)]);
  }

  /** Tokens issued to the client of this namespace. */
  get issued(): number {
    return this.#world.outside.issuer.issuedCount(this.#setting.clientId);
  }

  /** JSON merge patch of the binding's spec. */
  change(spec: object, name = BINDING): Promise<void> {
    return this.#world.objects.patch('TokenBinding', this.namespace, name, { spec });
  }

  async binding(name = BINDING): Promise<TokenBinding> {
    const found = await this.#world.objects.get<TokenBinding & KubernetesObject>(
      'TokenBinding',
      this.namespace,
      name,
    );
    if (!found) throw new Error(`there is no TokenBinding ${this.namespace}/${name}`);
    // A message about what was seen last has no room for it.
    const { managedFields: _, ...metadata } = found.metadata as KubernetesObject['metadata'] & ObjectMeta;
    return { ...found, metadata };
  }

  /** Deletes the binding and waits until it is gone. */
  async unbind(): Promise<void> {
    await this.#world.objects.delete('TokenBinding', this.namespace, BINDING);
    await this.gone();
  }

  /** Waits until the binding is gone. */
  async gone(timeoutMs = PATIENCE_MS): Promise<void> {
    const look = async () => ({
      binding: await this.#world.objects.get('TokenBinding', this.namespace, BINDING),
    });
    await waitFor(look, {
      what: `${this.namespace}/${BINDING} to go`,
      timeoutMs,
      until: ({ binding }) => binding === undefined,
    });
  }

  /** The Secret of the binding, values in base64; undefined while there is none. */
  secret(name = TARGET): Promise<Secret | undefined> {
    return this.#world.objects.get<Secret>('Secret', this.namespace, name);
  }

  /** Events about bindings of this namespace with that reason. */
  async events(reason: string): Promise<BindingEvent[]> {
    const events = await this.#world.objects.list<BindingEvent>('Event', this.namespace);
    return events.filter((event) => event.reason === reason);
  }

  /** What is in the stored token; undefined while there is none. */
  async token(secret = TARGET): Promise<JWTPayload | undefined> {
    const { token } = (await this.#world.objects.secretsOf(this.namespace)).get(secret) ?? {};
    return token === undefined ? undefined : decodeJwt(token);
  }

  /** Asks for a refresh as a person would; gives the value that the status will echo. */
  async requestRefresh(name = BINDING): Promise<string> {
    const value = new Date().toISOString();
    const annotations = { [REFRESH_REQUESTED_AT]: value };
    await this.#world.objects.patch('TokenBinding', this.namespace, name, { metadata: { annotations } });
    return value;
  }

  /** Waits until a token that could be issued is everywhere it should be, and the refresh asked for is done. */
  settled(refresh?: string, timeoutMs = PATIENCE_MS): Promise<TokenBinding> {
    return waitFor(() => this.binding(), {
      what: `${this.namespace}/${BINDING} to be settled${refresh === undefined ? '' : ` after the refresh of ${refresh}`}`,
      timeoutMs,
      until: (binding) =>
        ['Ready', 'Issued', 'Delivered'].every((type) => isTrue(binding, type)) &&
        (refresh === undefined || binding.status?.lastHandledRefreshAt === refresh),
    });
  }
}

export function conditionOf({ status }: TokenBinding, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

export const isTrue = (binding: TokenBinding, type: string) => conditionOf(binding, type)?.status === 'True';

/** What the status says of the example's delivery. */
export function deliveryOf({ status }: TokenBinding): DeliveryStatus | undefined {
  return status?.deliveries?.[0];
}
