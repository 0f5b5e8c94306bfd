import type { KubernetesObject } from '@kubernetes/client-node';
import { CHART_NAMESPACE } from '../../sandbox/chart.ts';
import type { ControllerProcess } from '../../sandbox/controller-process.ts';
import { waitFor } from '../../sandbox/wait-for.ts';
import type { World } from '../../sandbox/world.ts';
import { PATIENCE_MS } from './scenario.ts';

const LEASE = 'tokenbinding';
/** As short as a Lease may be: a call to Fly may take ten seconds, and may not outlive it. */
const TIMING = [
  '--leader-elect-lease-duration=12s',
  '--leader-elect-renew-deadline=9s',
  '--leader-elect-retry-period=500ms',
];

type Lease = KubernetesObject & { readonly spec?: { readonly holderIdentity?: string } };

/** Two controllers, of which one leads. */
export class StormCrew {
  /** Every process that there was. */
  readonly everyone: ControllerProcess[] = [];
  readonly #world: World;
  #alive: ControllerProcess[] = [];

  private constructor(world: World) {
    this.#world = world;
  }

  static async of(world: World): Promise<StormCrew> {
    const crew = new StormCrew(world);
    await crew.#join('controller-1');
    await crew.#join('controller-2');
    return crew;
  }

  /** Waits until one of them leads. */
  async leader(): Promise<ControllerProcess> {
    const look = async () => {
      const lease = await this.#world.objects.get<Lease>('Lease', CHART_NAMESPACE, LEASE);
      return this.#alive.find(({ identity }) => identity === lease?.spec?.holderIdentity);
    };
    return waitFor(look, { what: 'one of the controllers to lead', timeoutMs: PATIENCE_MS });
  }

  /**
   * Puts a new process in the place of one that was killed: a container that starts again keeps the name of its Pod
   * and so its Lease, a new Pod has another, and the standby takes over.
   */
  async replace(killed: ControllerProcess, by: 'container' | 'Pod'): Promise<void> {
    await killed.stopped;
    this.#alive = this.#alive.filter((candidate) => candidate !== killed);
    await this.#join(by === 'container' ? killed.identity : `controller-${this.everyone.length + 1}`);
  }

  async #join(identity: string): Promise<void> {
    const controller = await this.#world.startController({ identity, extraArgs: TIMING });
    this.everyone.push(controller);
    this.#alive.push(controller);
  }
}
