import { DISPOSITIONS, type FailureReason } from '../failure.ts';
import { type Condition, isTrue, timestamp } from './conditions.ts';
import { deliveredCondition } from './delivery.ts';
import type { Progress } from './progress.ts';
import { strategyOf } from './targets.ts';
import type { TokenBindingStatus } from './token-binding.generated.ts';

/** Something worth telling once: becomes an event (events.k8s.io/v1). */
export interface Transition {
  readonly type: 'Normal' | 'Warning';
  /** Machine-readable, UpperCamelCase; a Warning's reason is a condition reason. */
  readonly reason: string;
  /** What was done, for `action`: UpperCamelCase verb. */
  readonly action: string;
  readonly note: string;
}

/** What changed between the status before the run and the one after it; nothing for what merely goes on. */
export function transitions(progress: Progress, after: TokenBindingStatus): Transition[] {
  const before = progress.facts.binding.status;
  return [...refreshes(progress, before), ...rollouts(progress), ...warnings(before, after)];
}

function refreshes(progress: Progress, before: TokenBindingStatus | undefined): Transition[] {
  const { token, refreshed, facts } = progress;
  if (!refreshed || !token) return [];
  const expiry = timestamp(token.expiresAt);
  const { name } = facts.binding.spec.secret;
  const issued = normal('TokenIssued', 'Issue', `Token ${token.id} was issued; it expires at ${expiry}.`);
  const stored = normal('SecretWritten', 'Write', `Token ${token.id} is stored in Secret ${name}.`);
  const renewed = normal('Refreshed', 'Refresh', `Secret ${name} holds token ${token.id} until ${expiry}.`);
  if (!before?.token) return [issued, stored];
  return isTrue(before.conditions, 'Issued') ? [renewed] : [issued, stored, renewed];
}

function rollouts(progress: Progress): Transition[] {
  const about = (name: string) => {
    const record = progress.deliveries.find((candidate) => candidate.name === name);
    return `delivery "${name}" (Fly app ${record?.target.app}, token ${record?.tokenId})`;
  };
  return [
    ...progress.rolloutsStarted.map((name) =>
      normal('RolloutStarted', 'Rollout', `Machines get the token of ${about(name)}.`),
    ),
    ...progress.driftFound.map((name) =>
      normal('DriftFound', 'Compare', `The secret of ${about(name)} was written by somebody else.`),
    ),
    ...repaired(progress).map((name) =>
      normal('DriftRepaired', 'Rollout', `The token was delivered again: ${about(name)}.`),
    ),
    ...progress.rolloutsFinished.map((name) =>
      normal('RolloutSucceeded', 'Rollout', `All machines have the token of ${about(name)}.`),
    ),
  ];
}

/** Deliveries that hold their token again after somebody else had written the secret. */
function repaired({ facts, driftFound, rolloutsFinished, secretsSet }: Progress): string[] {
  const staged = secretsSet.filter((name) => strategyOf(facts.binding, name) === 'Stage');
  const before = facts.binding.status?.deliveries ?? [];
  const wasDrifted = (name: string) =>
    driftFound.includes(name) ||
    before.some((record) => record.name === name && isTrue(record.conditions, 'Drifted'));
  return [...rolloutsFinished, ...staged].filter(wasDrifted);
}

/** One warning per failure that is new: not there before, or for another reason. */
function warnings(before: TokenBindingStatus | undefined, after: TokenBindingStatus): Transition[] {
  const found = new Map<string, Transition>();
  const compare = (previous: Condition | undefined, next: Condition | undefined, action: string) => {
    if (next?.status !== 'False' || !(next.reason in DISPOSITIONS)) return;
    if (previous?.reason === next.reason) return;
    found.set(next.reason, { type: 'Warning', reason: next.reason, action, note: next.message });
  };
  const find = (status: TokenBindingStatus | undefined, type: string) =>
    status?.conditions?.find((condition) => condition.type === type);
  compare(find(before, 'Issued'), find(after, 'Issued'), 'Issue');
  compare(find(before, 'Delivered'), find(after, 'Delivered'), 'Deliver');
  for (const record of after.deliveries ?? []) {
    const previous = before?.deliveries?.find(({ name }) => name === record.name);
    const earlier = previous && deliveredCondition(previous);
    compare(earlier, deliveredCondition(record), 'Deliver');
  }
  const degraded = find(after, 'Degraded');
  if (degraded && find(before, 'Degraded')?.reason !== degraded.reason) {
    const { reason, message: note } = degraded;
    found.set(reason, { type: 'Warning', reason, action: 'Watch', note });
  }
  const ready = find(after, 'Ready');
  if (ready?.reason === 'TokenExpired' && find(before, 'Ready')?.reason !== 'TokenExpired') {
    found.set('TokenExpired', {
      type: 'Warning',
      reason: 'TokenExpired',
      action: 'Expire',
      note: ready.message,
    });
  }
  return [...found.values()];
}

const normal = (reason: FailureReason | string, action: string, note: string): Transition => ({
  type: 'Normal',
  reason,
  action,
  note,
});
