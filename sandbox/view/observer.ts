import type { KubernetesObject } from '@kubernetes/client-node';
import type { Caller } from '../caller.ts';
import type { MachineInspection } from '../fly/fly.ts';
import { askHealth, type HealthAnswer } from '../health-answer.ts';
import { tokenFacts } from '../mcp-app/token.ts';
import type { World } from '../world.ts';
import type { BindingObject, EventView, MachineView, Snapshot, StoredView } from './snapshot.ts';

interface EventObject extends KubernetesObject {
  readonly regarding?: { readonly kind?: string; readonly name?: string };
  readonly reason?: string;
  readonly note?: string;
  readonly type?: string;
  readonly eventTime?: string | Date;
  readonly series?: { readonly count: number };
}

const TOKEN_ID = 'tokenbinding.erauner.dev/token-id';
const HEALTH_DEADLINE_MS = 1000;

/** A machine and its own answer. */
interface Answered {
  readonly machine: MachineInspection;
  readonly health: HealthAnswer | undefined;
}

/** Looks at one binding, its events, and the machines that get its token. */
export class Observer {
  readonly #world: World;
  readonly #namespace: string;
  readonly #name: string;
  /** From the digest by which a machine names its token to the id in the binding's status. */
  readonly #tokenIds = new Map<string, string>();
  /** From the version of the app's secrets that brought a token to the id of that. */
  readonly #tokenOfVersion = new Map<number, string>();

  constructor(world: World, namespace: string, name: string) {
    this.#world = world;
    this.#namespace = namespace;
    this.#name = name;
  }

  /** @throws ObjectError while the API server does not answer */
  async look(caller?: Caller): Promise<Snapshot> {
    const { objects, outside } = this.#world;
    // Against the way that a token takes: so the source of what is seen on a machine is seen as well.
    const answered = await Promise.all(outside.fly.machines(outside.app).map(withAnswer));
    const stored = await this.#storedTokens();
    const [binding, events] = await Promise.all([
      objects.get<BindingObject>('TokenBinding', this.#namespace, this.#name),
      objects.list<EventObject>('Event', this.#namespace),
    ]);
    for (const { secretsVersion, tokenId } of binding?.status?.deliveries ?? [])
      if (secretsVersion !== undefined && tokenId) this.#tokenOfVersion.set(secretsVersion, tokenId);
    return {
      ...{ at: Date.now(), binding, events: this.#eventsOf(events), calls: caller && { ...caller.counts } },
      stored: stored.find(({ secret }) => secret === binding?.spec?.secret.name),
      machines: answered.map((one) => this.#machine(one)),
    };
  }

  async #storedTokens(): Promise<StoredView[]> {
    const secrets = await this.#world.objects.list<KubernetesObject & { data?: Record<string, string> }>(
      'Secret',
      this.#namespace,
    );
    return secrets.flatMap(({ metadata, data }) => {
      const tokenId = metadata?.annotations?.[TOKEN_ID];
      if (!tokenId || !data?.token) return [];
      const { id, exp = Number.NaN } = tokenFacts(Buffer.from(data.token, 'base64').toString());
      this.#tokenIds.set(id, tokenId);
      return [{ secret: metadata?.name ?? '', tokenId, expiresAt: exp * 1000 }];
    });
  }

  #machine({ machine, health }: Answered): MachineView {
    const { id, state, pid, updates, config, secretsVersion } = machine;
    const { token } = health ?? {};
    return {
      ...{ id, state, pid, updates, health: health?.state },
      isStandby: Array.isArray(config.standbys) && config.standbys.length > 0,
      tokenId: token && this.#tokenIds.get(token.id),
      bootTokenId: this.#tokenAt(secretsVersion),
      expiresAt: token?.exp === undefined ? undefined : token.exp * 1000,
    };
  }

  /** Of the latest write of a token that is part of this version of the app's secrets. */
  #tokenAt(secretsVersion: number): string | undefined {
    const versions = [...this.#tokenOfVersion.keys()].filter((version) => version <= secretsVersion);
    return this.#tokenOfVersion.get(Math.max(...versions));
  }

  #eventsOf(events: readonly EventObject[]): EventView[] {
    return events
      .filter(({ regarding }) => regarding?.kind === 'TokenBinding' && regarding.name === this.#name)
      .sort((a, b) => timeOf(a) - timeOf(b))
      .map(({ metadata, reason = '', note = '', type, series }) => ({
        key: `${metadata?.uid} ${series?.count ?? 1}`,
        ...{ reason, note, isWarning: type === 'Warning' },
      }));
  }
}

const timeOf = ({ eventTime }: EventObject) => new Date(eventTime ?? 0).getTime();

async function withAnswer(machine: MachineInspection): Promise<Answered> {
  return {
    machine,
    health: machine.url === undefined ? undefined : await askHealth(machine.url, HEALTH_DEADLINE_MS),
  };
}
