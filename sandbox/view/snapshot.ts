import type { KubernetesObject } from '@kubernetes/client-node';
import type { CallCounts } from '../caller.ts';

/** The part of a TokenBinding that is shown. */
export interface BindingObject extends KubernetesObject {
  readonly spec?: {
    readonly secret: { readonly name: string };
    readonly deliveries?: readonly {
      readonly fly: { readonly app: string; readonly rollout?: RolloutView };
    }[];
  };
  readonly status?: {
    readonly token?: { readonly id: string; readonly expiresAt: string };
    readonly nextRefreshTime?: string;
    readonly deliveries?: readonly DeliveryView[];
    readonly conditions?: readonly ConditionView[];
  };
}

export interface RolloutView {
  readonly strategy?: string;
  readonly maxUnavailable?: number | string;
}

/** What the binding says of its delivery. */
export interface DeliveryView {
  /** Of the token that was last written to the app's secrets. */
  readonly tokenId?: string;
  /** Of the app's secrets, by that write. */
  readonly secretsVersion?: number;
  /** Of the last token that the first machine did not get well with. */
  readonly rejectedTokenId?: string;
  /** Id of the machine that is being given the token before. */
  readonly rollbackMachine?: string;
}

export interface ConditionView {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** A machine and the token that its process uses. */
export interface MachineView {
  readonly id: string;
  readonly state: string;
  /** Whether it stands in for another machine, and rests until then. */
  readonly isStandby: boolean;
  /** Undefined while it is down. */
  readonly pid: number | undefined;
  /** What it says of its token: ok, missing, expired, refused, unreachable; undefined while it does not answer. */
  readonly health: string | undefined;
  /** As the binding's status names the token; undefined when it holds none or one of unknown origin. */
  readonly tokenId: string | undefined;
  /** Of the token in the environment of its next start, and of the present one unless a file brought another. */
  readonly bootTokenId: string | undefined;
  /** Epoch ms. */
  readonly expiresAt: number | undefined;
  /** Updates accepted so far. */
  readonly updates: number;
}

/** An event about the binding, one occurrence. */
export interface EventView {
  /** The same for every look at the same occurrence. */
  readonly key: string;
  readonly reason: string;
  readonly note: string;
  readonly isWarning: boolean;
}

/** A token in a Secret of the cluster. */
export interface StoredView {
  readonly secret: string;
  readonly tokenId: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

/** The world at one moment, as a person would see it who looks everywhere at once. */
export interface Snapshot {
  /** Epoch ms. */
  readonly at: number;
  readonly binding: BindingObject | undefined;
  /** Undefined before the first token. */
  readonly stored: StoredView | undefined;
  readonly machines: readonly MachineView[];
  /** In the order in which they happened. */
  readonly events: readonly EventView[];
  /** Undefined before the first call. */
  readonly calls: Readonly<CallCounts> | undefined;
}

/** Id of the token that the binding says is current. */
export function currentTokenId({ binding }: Snapshot): string | undefined {
  return binding?.status?.token?.id;
}

export function conditionOf({ binding }: Snapshot, type: string): ConditionView | undefined {
  return binding?.status?.conditions?.find((condition) => condition.type === type);
}

/** What the binding says of its first delivery, the only one that is shown. */
export function deliveryOf({ binding }: Snapshot): DeliveryView | undefined {
  return binding?.status?.deliveries?.[0];
}

export function isAtRest({ state }: MachineView): boolean {
  return state === 'stopped';
}

/** Machines that are up, or restart, with this token. */
export function holdersOf({ machines }: Snapshot, tokenId: string): MachineView[] {
  return machines.filter(
    (machine) => !isAtRest(machine) && [machine.tokenId, machine.bootTokenId].includes(tokenId),
  );
}

/** Whether the binding says that the current token is everywhere, and every machine that is not stopped proves it. */
export function isRolledOut(snapshot: Snapshot): boolean {
  const tokenId = currentTokenId(snapshot);
  const awake = snapshot.machines.filter((machine) => !isAtRest(machine));
  const proves = (machine: MachineView) => machine.tokenId === tokenId && machine.health === 'ok';
  return (
    tokenId !== undefined &&
    conditionOf(snapshot, 'Delivered')?.status === 'True' &&
    awake.length > 0 &&
    awake.every(proves)
  );
}
