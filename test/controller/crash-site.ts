import { fileURLToPath } from 'node:url';
import type { KubernetesObject } from '@kubernetes/client-node';
import { decodeJwt } from 'jose';
import { type Fly, type FlyOptions, type MachineInspection, startFly } from '../../sandbox/fly/fly.ts';
import { CREDENTIAL_LABEL } from '../../src/binding/names.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { createEgress } from '../../src/http/egress.ts';
import { hasReason } from '../../src/kubernetes/api-error.ts';
import { type KubernetesClient, MERGE_PATCH } from '../../src/kubernetes/client.ts';
import type { Surroundings } from '../support/crashing-world.ts';
import { ShiftedClock } from '../support/shifted-clock.ts';
import { AUDIENCE, type Ground } from './crash-ground.ts';

const PROGRAM = fileURLToPath(new URL('../sandbox/fixtures/machine.ts', import.meta.url));
const CALL_LIMITS = { deadlineMs: 15_000, maxBodyBytes: 1024 * 1024 };
const MACHINE = {
  image: 'registry.fly.io/shop:1',
  checks: { alive: { type: 'http', port: 8080, path: '/health', interval: '100ms', timeout: '1s' } },
  stop_config: { timeout: '2s' },
};
const BINDINGS = { apiVersion: 'tokenbinding.erauner.dev/v1alpha1', plural: 'tokenbindings' };
const SECRETS = { apiVersion: 'v1', plural: 'secrets' };

/** A machine's program that is well whatever it is given. */
export const healthyProgram: FlyOptions['machineCommand'] = ({ env }) => ({
  command: process.execPath,
  args: [PROGRAM],
  env,
});

/** One namespace with its own client, its own Fly and its own time. */
export class CrashSite implements Surroundings {
  readonly clock = new ShiftedClock();
  readonly namespace: string;
  readonly client: KubernetesClient;
  readonly fetch: typeof globalThis.fetch;
  readonly #ground: Ground;
  readonly #fly: Fly;
  readonly #stack: AsyncDisposableStack;

  private constructor(ground: Ground, namespace: string, fly: Fly, stack: AsyncDisposableStack) {
    this.#ground = ground;
    this.#fly = fly;
    this.#stack = stack;
    this.namespace = namespace;
    this.client = ground.cluster.client;
    const egress = createEgress({ ca: [ground.authority.certPem], allowHosts: [], allowLoopback: true });
    stack.defer(() => egress.close());
    this.fetch = egress.fetch(CALL_LIMITS);
  }

  /** @param apps by name, how many machines they have */
  static async open(
    ground: Ground,
    namespace: string,
    apps: Readonly<Record<string, number>>,
    machineCommand = healthyProgram,
  ): Promise<CrashSite> {
    const stack = new AsyncDisposableStack();
    let site: CrashSite | undefined;
    const fly = await startFly({
      authority: ground.authority,
      machineCommand,
      rateLimit: false,
      now: () => site?.clock.now() ?? Date.now(),
    });
    stack.defer(() => fly.stop());
    site = new CrashSite(ground, namespace, fly, stack);
    for (const [name, machines] of Object.entries(apps)) {
      await fly.createApp({ name });
      for (let count = 0; count < machines; count += 1)
        await fly.addMachine(name, { config: MACHINE, state: 'started' });
    }
    await site.#createCredentials(Object.keys(apps));
    return site;
  }

  get flyApiUrl(): string {
    return this.#fly.apiUrl;
  }

  machines(app: string): MachineInspection[] {
    return this.#fly.machines(app);
  }

  async close(): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** A binding whose Secret is named like it, with a delivery to each place given as `app/SECRET_NAME`. */
  async create(name: string, places: readonly string[], deletionPolicy = 'Retain'): Promise<void> {
    const { namespace } = this;
    const body = {
      apiVersion: BINDINGS.apiVersion,
      kind: 'TokenBinding',
      metadata: { name, namespace },
      spec: {
        source: { auth0: { domain: this.#ground.issuer.domain, audience: AUDIENCE } },
        clientAuthentication: { clientSecret: { secretRef: { name: 'm2m' } } },
        secret: { name },
        deliveries: deliveriesTo(places, deletionPolicy),
      },
    };
    await this.client.call({ verb: 'create', at: { resource: BINDINGS, namespace }, body });
  }

  retarget(name: string, places: readonly string[]): Promise<void> {
    return this.#patch(name, { spec: { deliveries: deliveriesTo(places, 'Delete') } });
  }

  requestRefresh(name: string, value: string): Promise<void> {
    const annotations = { 'tokenbinding.erauner.dev/refresh-requested-at': value };
    return this.#patch(name, { metadata: { annotations } });
  }

  async delete(name: string): Promise<void> {
    const { code, stderr } = await this.#ground.cluster.plane.kubectl([
      ...['delete', 'tokenbinding', name, '-n', this.namespace, '--wait=false'],
    ]);
    if (code !== 0) throw new Error(stderr);
  }

  /** Undefined when there is none. */
  async binding(name: string): Promise<TokenBinding | undefined> {
    try {
      const at = { resource: BINDINGS, namespace: this.namespace, name };
      return await this.client.call<TokenBinding>({ verb: 'get', at });
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async storedToken(name: string): Promise<string> {
    const at = { resource: SECRETS, namespace: this.namespace, name };
    const { data } = await this.client.call<{ data: Record<string, string> }>({ verb: 'get', at });
    return Buffer.from(data.token ?? '', 'base64').toString();
  }

  /** Names of all Secrets of the namespace, sorted. */
  async secretNames(): Promise<string[]> {
    const at = { resource: SECRETS, namespace: this.namespace };
    const { items } = await this.client.call<{ items: KubernetesObject[] }>({ verb: 'list', at });
    return items.map(({ metadata }) => metadata?.name ?? '').sort();
  }

  /** Whether it is the last token that the issuer gave to this namespace's client. */
  isNewest(token: string): boolean {
    const issued = this.#ground.issuer.issued.filter(({ clientId }) => clientId === this.namespace);
    return decodeJwt(token).jti === issued.at(-1)?.tokenId;
  }

  hasSecret(place: string): boolean {
    const [app = '', secretName = ''] = place.split('/');
    return this.#fly.secretNames(app).includes(secretName);
  }

  /** What each started machine of the app has in its environment for a place. */
  async running(place: string): Promise<(string | undefined)[]> {
    const [app = '', secretName = ''] = place.split('/');
    const started = this.#fly.machines(app).filter(({ state }) => state === 'started');
    return Promise.all(
      started.map(async ({ url }) => {
        const response = await fetch(`${url}/env`);
        return ((await response.json()) as Record<string, string>)[secretName];
      }),
    );
  }

  async #createCredentials(apps: readonly string[]): Promise<void> {
    const { namespace } = this;
    const tokens = Object.fromEntries(apps.map((app) => [app, this.#fly.deployToken(app)]));
    const objects: [string, Record<string, string>][] = [
      ['m2m', { client_id: namespace, client_secret: `secret-of-${namespace}` }],
      ['fly', tokens],
    ];
    await this.#ground.cluster.plane.kubectl(['create', 'namespace', namespace]);
    for (const [name, stringData] of objects) {
      const metadata = { name, namespace, labels: { [CREDENTIAL_LABEL]: 'true' } };
      const body: KubernetesObject & object = {
        ...{ apiVersion: 'v1', kind: 'Secret', metadata },
        ...{ stringData },
      };
      await this.client.call({ verb: 'create', at: { resource: SECRETS, namespace }, body });
    }
  }

  async #patch(name: string, body: object): Promise<void> {
    const at = { resource: BINDINGS, namespace: this.namespace, name };
    await this.client.call({ verb: 'patch', at, contentType: MERGE_PATCH, body });
  }
}

function deliveriesTo(places: readonly string[], deletionPolicy: string): object[] {
  return places.map((place) => {
    const [app = '', secretName = ''] = place.split('/');
    return {
      name: app,
      fly: { app, secretName, deletionPolicy, apiTokenRef: { name: 'fly', key: app } },
    };
  });
}
