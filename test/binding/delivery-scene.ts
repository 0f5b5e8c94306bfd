import { deliveredCondition } from '../../src/binding/delivery.ts';
import type { Progress } from '../../src/binding/progress.ts';
import { fold } from '../../src/binding/results.ts';
import type { StepResult } from '../../src/binding/step-result.ts';
import type { DeliveryStatus, RolloutSettings } from '../../src/binding/token-binding.generated.ts';
import { type DeliveryFailureReason, failure } from '../../src/failure.ts';
import {
  aBinding,
  aDelivery,
  aToken,
  factsWith,
  MINUTE,
  NOON,
  ROLLOUT,
  someProgress,
} from '../support/binding.ts';
import { fresh, recorded } from './results.ts';

/** What is told of a machine that fell ill. */
export const SEEN =
  'Fly app toolbridge-mcp: machine m1 restarts over and over; no further machine is touched. ' +
  'See `fly logs -a toolbridge-mcp --machine m1` (fly-request-id 01ABC).';
export const old = aToken({
  id: 'oooooooooooooooo',
  issuedAt: NOON - 45 * MINUTE,
  expiresAt: NOON + 15 * MINUTE,
});
export const counts = { total: 3, current: 0, skipped: 0, failed: 1 };
export const told = (message: string, reason: DeliveryFailureReason = 'RolloutFailed') =>
  failure(reason, message);
export const refusal: Extract<StepResult, { type: 'tokenRejected' }> = {
  type: 'tokenRejected',
  failure: told(SEEN),
  machineId: 'm1',
  machines: counts,
  at: NOON,
};

export interface Scene {
  readonly rollout?: Partial<RolloutSettings>;
  readonly record?: Partial<DeliveryStatus>;
  readonly previous?: Progress['previous'];
}

/** A run whose Secret holds the new token, and whose app is about to get it in place of the old one. */
export function scene({ rollout, record, ...rest }: Scene = {}): Progress {
  const served = {
    ...recorded('Retain').deliveries[0],
    tokenId: fresh.id,
    heldUntil: '2026-11-24T12:15:00Z',
  };
  const binding = aBinding({
    spec: { deliveries: [aDelivery({ rollout: { ...ROLLOUT, ...rollout } })] },
    status: { observedGeneration: 1, deliveries: [{ ...served, ...record } as DeliveryStatus] },
  });
  const { previous } = 'previous' in rest ? rest : { previous: old };
  return { ...someProgress(factsWith(fresh, { binding, previous })), subject: 'mcp' };
}
export function apply(run: Progress, ...results: StepResult[]): Progress {
  return results.reduce((before, result) => {
    const change = fold[result.type] as (progress: Progress, result: StepResult) => Progress;
    return change(before, result);
  }, run);
}
export const recordOf = ({ deliveries: [record] }: Progress) => record as DeliveryStatus;
export const message = (run: Progress) => deliveredCondition(recordOf(run))?.message ?? '';
export const failWith = (failure: ReturnType<typeof told>): StepResult => ({
  type: 'deliveryFailed',
  failure,
  at: NOON,
});
/** The previous token is written, and the machine has it. */
export const back: readonly [StepResult, StepResult] = [
  { type: 'flySecretSet', write: { secretsVersion: 5, digest: 'e' }, at: NOON },
  {
    ...{ type: 'rolled', at: NOON },
    progress: { machines: { total: 1, current: 1, skipped: 0, failed: 0 }, done: true },
  },
];
/** The end of every message about a failure that waits for a person. */
export const NEXT = 'Next attempt 2026-11-24T12:03:45Z.';
