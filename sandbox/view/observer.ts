import type { KubernetesObject } from '@kubernetes/client-node';
import type { Caller } from '../caller.ts';
import type { MachineInspection } from '../fly/fly.ts';
import { tokenFacts } from '../mcp-app/token.ts';
import type { World } from '../world.ts';
import type { BindingObject, EventView, MachineView, Snapshot } from './snapshot.ts';

interface EventObject extends KubernetesObject {
  readonly regarding?: { readonly kind?: string; readonly name?: string };
  readonly reason?: string;
  readonly note?: string;
  readonly type?: string;
  readonly eventTime?: string | Date;
  readonly series?: { readonly count: number };
}

interface HealthAnswer {
  readonly state: string;
  readonly token?: { readonly id: string; readonly exp?: number };
}

const TOKEN_ID = 'tokenbinding.erauner.dev/token-id';
const HEALTH_DEADLINE_MS = 1000;

/** Looks at one binding, its events, and the machines that get its token. */
export class Observer {
  readonly #world: World;
  readonly #namespace: string;
  readonly #name: string;
  /** From the digest by which a machine names its token to the id in the binding's status. */
  readonly #tokenIds = new Map<string, string>();

  constructor(world: World, namespace: string, name: string) {
    this.#world = world;
    this.#namespace = namespace;
    this.#name = name;
  }

  /** @throws ObjectError while the API server does not answer */
  async look(caller?: Caller): Promise<Snapshot> {
    const { objects, outside } = this.#world;
    await this.#learnTokenIds();
    const [binding, events, machines] = await Promise.all([
      objects.get<BindingObject>('TokenBinding', this.#namespace, this.#name),
      objects.list<EventObject>('Event', this.#namespace),
      Promise.all(outside.fly.machines(outside.app).map((machine) => this.#machine(machine))),
    ]);
    const calls = caller && { ...caller.counts };
    return { at: Date.now(), binding, machines, events: this.#eventsOf(events), calls };
  }

  async #learnTokenIds(): Promise<void> {
    const secrets = await this.#world.objects.list<KubernetesObject & { data?: Record<string, string> }>(
      'Secret',
      this.#namespace,
    );
    for (const { metadata, data } of secrets) {
      const id = metadata?.annotations?.[TOKEN_ID];
      const token = data?.token;
      if (id && token) this.#tokenIds.set(tokenFacts(Buffer.from(token, 'base64').toString()).id, id);
    }
  }

  async #machine({ id, state, url, updates }: MachineInspection): Promise<MachineView> {
    const health = url === undefined ? undefined : await ask(url);
    const { token } = health ?? {};
    return {
      ...{ id, state, updates, health: health?.state },
      tokenId: token && this.#tokenIds.get(token.id),
      expiresAt: token?.exp === undefined ? undefined : token.exp * 1000,
    };
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

/** Undefined when the machine does not answer, as while it boots. */
async function ask(url: string): Promise<HealthAnswer | undefined> {
  try {
    const response = await fetch(`${url}/health`, {
      // A connection that is kept would hold up the machine's stop.
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(HEALTH_DEADLINE_MS),
    });
    return (await response.json()) as HealthAnswer;
  } catch {
    return undefined;
  }
}
