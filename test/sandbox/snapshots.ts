import type {
  BindingObject,
  ConditionView,
  DeliveryView,
  MachineView,
  RolloutView,
  Snapshot,
} from '../../sandbox/view/snapshot.ts';

export const START = Date.UTC(2026, 0, 1, 12);

/** A binding whose current token, if any, has this id and a minute to live from `START`. */
export function bindingWith(tokenId?: string, ...conditions: ConditionView[]): BindingObject {
  const token = tokenId && { id: tokenId, expiresAt: new Date(START + 60_000).toISOString() };
  return {
    metadata: { namespace: 'toolbridge', name: 'toolbridge-api' },
    status: { ...(token && { token }), conditions },
  };
}

export function condition(type: string, status: string, reason = 'Current', message = 'so'): ConditionView {
  return { type, status, reason, message };
}

/** `binding` with this to say of its delivery, and with settings of its rollout. */
export function delivering(
  binding: BindingObject,
  said: DeliveryView,
  rollout: RolloutView = {},
): BindingObject {
  const fly = { app: 'toolbridge-mcp', rollout };
  const spec = { secret: { name: 'toolbridge-api-token' }, deliveries: [{ fly }] };
  return { ...binding, spec, status: { ...binding.status, deliveries: [said] } };
}

/** A healthy machine that started with a token, which has a minute to live from `START`. */
export function machine(id: string, tokenId?: string, more: Partial<MachineView> = {}): MachineView {
  const expiresAt = tokenId === undefined ? undefined : START + 60_000;
  return {
    ...{ id, state: 'started', isStandby: false, pid: 1, health: 'ok', updates: 0 },
    ...{ tokenId, bootTokenId: tokenId, expiresAt, ...more },
  };
}

/** A machine that is stopped. @param bootTokenId of the token of its next start */
export function stopped(id: string, bootTokenId?: string, more: Partial<MachineView> = {}): MachineView {
  const state = 'stopped';
  return machine(id, undefined, { state, pid: undefined, health: undefined, bootTokenId, ...more });
}

/** A machine on its way to a start with this token. */
export function restarting(id: string, bootTokenId: string): MachineView {
  const state = 'replacing';
  return machine(id, undefined, { state, pid: undefined, health: undefined, bootTokenId });
}

export function snapshot(more: Partial<Snapshot> = {}): Snapshot {
  return {
    ...{ at: START, binding: undefined, stored: undefined, machines: [], events: [], calls: undefined },
    ...more,
  };
}

/** Of the cluster's Secret: holds a token that has a minute to live from `START`. */
export function stored(tokenId: string): Snapshot['stored'] {
  return { secret: 'toolbridge-api-token', tokenId, expiresAt: START + 60_000 };
}

/** A token that is everywhere. */
export function rolledOut(tokenId: string, more: Partial<Snapshot> = {}): Snapshot {
  return snapshot({
    binding: delivering(bindingWith(tokenId, condition('Ready', 'True'), condition('Delivered', 'True')), {
      tokenId,
    }),
    stored: stored(tokenId),
    machines: [machine('m1', tokenId), machine('m2', tokenId)],
    ...more,
  });
}
