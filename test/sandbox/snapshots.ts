import type { BindingObject, ConditionView, MachineView, Snapshot } from '../../sandbox/view/snapshot.ts';

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

/** A healthy machine with a token that has a minute to live from `START`. */
export function machine(id: string, tokenId?: string, more: Partial<MachineView> = {}): MachineView {
  const expiresAt = tokenId === undefined ? undefined : START + 60_000;
  return { id, state: 'started', health: 'ok', tokenId, expiresAt, updates: 0, ...more };
}

export function snapshot(more: Partial<Snapshot> = {}): Snapshot {
  return { at: START, binding: undefined, machines: [], events: [], calls: undefined, ...more };
}

/** A token that is everywhere. */
export function rolledOut(tokenId: string, more: Partial<Snapshot> = {}): Snapshot {
  return snapshot({
    binding: bindingWith(tokenId, condition('Ready', 'True'), condition('Delivered', 'True')),
    machines: [machine('m1', tokenId), machine('m2', tokenId)],
    ...more,
  });
}
