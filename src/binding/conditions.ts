import type { EpochMs } from '../clock.ts';
import type { Condition } from './token-binding.generated.ts';

export type { Condition };

/** A condition before it is stamped. */
export type Verdict = Omit<Condition, 'lastTransitionTime'>;

/** RFC 3339 in UTC with whole seconds, as Kubernetes writes times; rounds down. */
export function timestamp(at: EpochMs): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/** Stamps a verdict: `lastTransitionTime` is kept while the status stays what it was. */
export function stamp(verdict: Verdict, previous: readonly Condition[], now: EpochMs): Condition {
  const before = previous.find((condition) => condition.type === verdict.type);
  const kept = before !== undefined && before.status === verdict.status;
  return { ...verdict, lastTransitionTime: kept ? before.lastTransitionTime : timestamp(now) };
}

/** Whether the condition of that type is True. */
export function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}
