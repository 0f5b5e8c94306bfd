import type { RolloutPolicy } from '../../src/fly/rollout-site.ts';

export const ROLLING: RolloutPolicy = {
  strategy: 'Rolling',
  maxUnavailable: { count: 1 },
  machineTimeoutMs: 300_000,
  includeUnmanaged: true,
};
