import type { Measure } from '../../src/fly/machine-standing.ts';
import type { ObservedMachine } from '../../src/fly/observed-machine.ts';
import { markerFor } from '../../src/fly/rollout-marker.ts';
import { ROLLING } from './policy-fixture.ts';

export const NOW = Date.UTC(2026, 0, 15, 10, 30, 17, 250);
export const MEASURE: Measure = { ...ROLLING, secretsVersion: 7, marker: 'marker', now: NOW };

/** A started machine that is well and lacks the target, with `change` applied. */
export function aMachine(change: Partial<ObservedMachine> = {}): ObservedMachine {
  return {
    id: 'm1',
    instanceId: 'v1',
    state: 'started',
    reachable: true,
    metadata: new Map(),
    oneShot: false,
    scheduled: false,
    checksConfigured: 1,
    checkIntervalMs: 10_000,
    checks: ['passing'],
    changedAt: NOW - 60_000,
    startedAt: NOW - 60_000,
    lastExit: undefined,
    exitedAt: undefined,
    requestId: 'req-1',
    ...change,
  };
}

/** The same machine after its update to the target. */
export function withTarget(change: Partial<ObservedMachine> = {}): ObservedMachine {
  const machine = aMachine(change);
  const metadata = new Map([
    [MEASURE.marker, markerFor(machine.id, MEASURE.secretsVersion)],
    ...machine.metadata,
  ]);
  return { ...machine, metadata };
}
