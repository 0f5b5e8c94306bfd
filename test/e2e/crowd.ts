import { KubeConfig, type KubernetesObject } from '@kubernetes/client-node';
import { exampleBinding } from '../../sandbox/example.ts';
import type { World } from '../../sandbox/world.ts';
import type { TokenBinding } from '../../src/binding/token-binding.ts';
import { connect, type KubernetesClient, MERGE_PATCH } from '../../src/kubernetes/client.ts';
import type { Place } from '../../src/kubernetes/resource.ts';

const RESOURCE = { apiVersion: 'tokenbinding.erauner.dev/v1alpha1', plural: 'tokenbindings' };
const REFRESH_REQUESTED_AT = 'tokenbinding.erauner.dev/refresh-requested-at';
const DEADLINE_MS = 60_000;
const WIDTH = 16;

/** Many bindings without deliveries, each with a request of its own (equal ones would share a token), written and read as an administrator over connections that are kept. */
export class Crowd {
  readonly #client: KubernetesClient;
  readonly #spec: object;
  readonly #auth0: { readonly domain: string; readonly audience: string };

  private constructor(client: KubernetesClient, spec: object, auth0: { domain: string; audience: string }) {
    this.#client = client;
    this.#spec = spec;
    this.#auth0 = auth0;
  }

  static async in(world: World): Promise<Crowd> {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(world.cluster.adminKubeconfig);
    const client = connect(kubeConfig, { deadlineMs: DEADLINE_MS, userAgent: 'crowd' });
    const { spec } = await exampleBinding(world.example, 'secret-only.yaml');
    return new Crowd(client, spec, world.example);
  }

  /** Creates `count` bindings named `binding-<n>`, whose Secrets are named `token-<n>`. */
  async create(namespace: string, count: number): Promise<void> {
    await inParallel(names(count), async (name, index) => {
      const body = {
        apiVersion: RESOURCE.apiVersion,
        kind: 'TokenBinding',
        metadata: { name, namespace },
        spec: { ...this.#spec, source: this.#source(name), secret: { name: `token-${index}` } },
      };
      await this.#client.call({ verb: 'create', at: { resource: RESOURCE, namespace }, body });
    });
  }

  #source(name: string) {
    const { domain, audience } = this.#auth0;
    const tokenEndpoint = `https://${domain}/oauth/token`;
    return { oauth2: { tokenEndpoint, audience, parameters: { 'requested-by': name } } };
  }

  async requestRefresh(namespace: string, count: number, value: string): Promise<void> {
    const body = { metadata: { annotations: { [REFRESH_REQUESTED_AT]: value } } };
    await inParallel(names(count), async (name) => {
      const at = { resource: RESOURCE, namespace, name };
      await this.#client.call({ verb: 'patch', at, contentType: MERGE_PATCH, body });
    });
  }

  /** Of all namespaces. */
  bindings(): Promise<TokenBinding[]> {
    return this.#list({ resource: RESOURCE });
  }

  /** Of all namespaces, values in base64. */
  secrets(): Promise<(KubernetesObject & { data?: Record<string, string> })[]> {
    return this.#list({ resource: { apiVersion: 'v1', plural: 'secrets' } });
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #list<T>(at: Place): Promise<T[]> {
    return (await this.#client.call<{ items: T[] }>({ verb: 'list', at })).items;
  }
}

const names = (count: number) => Array.from({ length: count }, (_, index) => `binding-${index}`);

async function inParallel<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>) {
  const rest = items.entries();
  const lane = async () => {
    for (const [index, item] of rest) await work(item, index);
  };
  await Promise.all(Array.from({ length: WIDTH }, lane));
}
