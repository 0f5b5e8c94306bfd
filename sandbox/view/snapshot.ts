import type { KubernetesObject } from '@kubernetes/client-node';
import type { CallCounts } from '../caller.ts';

/** The part of a TokenBinding that is shown. */
export interface BindingObject extends KubernetesObject {
  readonly status?: {
    readonly token?: { readonly id: string; readonly expiresAt: string };
    readonly nextRefreshTime?: string;
    readonly deliveriesReady?: string;
    readonly conditions?: readonly ConditionView[];
  };
}

export interface ConditionView {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** A machine and the token that its process booted with. */
export interface MachineView {
  readonly id: string;
  readonly state: string;
  /** What it says of its token: ok, missing, expired, refused, unreachable; undefined while it does not answer. */
  readonly health: string | undefined;
  /** As the binding's status names the token; undefined when it holds none or one of unknown origin. */
  readonly tokenId: string | undefined;
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

/** The world at one moment, as a person would see it who looks everywhere at once. */
export interface Snapshot {
  /** Epoch ms. */
  readonly at: number;
  readonly binding: BindingObject | undefined;
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

/** Whether the binding says that the current token is everywhere, and every machine that is not stopped proves it. */
export function isRolledOut(snapshot: Snapshot): boolean {
  const tokenId = currentTokenId(snapshot);
  const awake = snapshot.machines.filter(({ state }) => state !== 'stopped');
  const proves = (machine: MachineView) => machine.tokenId === tokenId && machine.health === 'ok';
  return (
    tokenId !== undefined &&
    conditionOf(snapshot, 'Delivered')?.status === 'True' &&
    awake.length > 0 &&
    awake.every(proves)
  );
}
