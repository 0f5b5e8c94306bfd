import { parseDuration } from '../src/binding/duration.ts';
import type { TokenBinding } from '../src/binding/token-binding.ts';
import type { RolloutPolicy } from '../src/fly/rollout-site.ts';
import type { SecretValue } from '../src/secret-value.ts';

/** How the spec wants machines to come to the token. @param value what running machines re-read, with Reload */
export function rolloutPolicy(
  { spec }: TokenBinding,
  delivery: string,
  value: SecretValue | undefined,
): RolloutPolicy {
  const fly = spec.deliveries.find(({ name }) => name === delivery)?.fly;
  if (!fly) throw new Error('the delivery is not in the spec');
  const { strategy, maxUnavailable, machineTimeout, includeUnmanaged } = fly.rollout;
  const path = fly.reload?.path;
  return {
    strategy: strategy === 'Stage' ? 'Rolling' : strategy,
    maxUnavailable:
      typeof maxUnavailable === 'number'
        ? { count: maxUnavailable }
        : { percent: Number.parseInt(maxUnavailable, 10) },
    machineTimeoutMs: parseDuration(machineTimeout),
    includeUnmanaged,
    ...(path !== undefined && value && { reload: { path, value } }),
  };
}
