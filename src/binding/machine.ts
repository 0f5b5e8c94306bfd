import { assign, setup } from 'xstate';
import { CHECKS } from './checks.ts';
import type { Facts } from './facts.ts';
import { begin, type Progress } from './progress.ts';
import { fold } from './results.ts';
import { inRunTime } from './run-time.ts';
import type { StepResult } from './step-result.ts';

/**
 * The policy: in `deciding`, the first check that holds names the next state, so the order is the meaning.
 * Read it as: is it over, what to try out, what to keep and store, what to obtain, what to remember, what to write, what to take back,
 * what to roll out, what to compare and forget, and at last how to rest.
 */
export const POLICY = [
  ['removed', 'removed'],
  ['releasable', 'releasing'],
  ['unprobed', 'probingToken'],
  ['unkept', 'keepingPrevious'],
  ['unwritten', 'writingSecret'],
  ['issuable', 'acquiringToken'],
  ['unrecorded', 'recording'],
  ['writable', 'settingFlySecret'],
  ['cleanable', 'cleaningUp'],
  ['rollable', 'rollingOut'],
  ['driftable', 'checkingDrift'],
  ['forgettable', 'forgettingPrevious'],
  ['suspended', 'suspended'],
  ['stalling', 'stalled'],
  ['failing', 'backingOff'],
  ['waiting', 'waiting'],
  ['settled', 'current'],
] as const satisfies readonly (readonly [keyof typeof CHECKS, string])[];

type CheckName = (typeof POLICY)[number][0];

const on = (...types: StepResult['type'][]) => ({
  on: Object.fromEntries(types.map((type) => [type, { target: 'deciding', actions: 'apply' }])),
});

const WITHOUT_FACTS = new Error('a run begins with facts');

/**
 * For each of its pure transitions xstate makes an actor without input, and drops it with what that throws: an
 * error made once, as V8 searches the source for the words of a TypeError, a fifth of the time of a run.
 */
function beginWith(facts: Facts | undefined): Progress {
  if (facts === undefined) throw WITHOUT_FACTS;
  return begin(facts);
}

/**
 * The planner: pure and synchronous. States that do something are named for their step; their result leads
 * back to `deciding`. Resting states are final.
 */
export const machine = setup({
  types: {} as { context: Progress; events: StepResult; input: Facts },
  actions: {
    /** Notes why the next step was chosen and what it is about. */
    explain: assign(({ context }, { check }: { check: CheckName }) => {
      const finding = CHECKS[check](context);
      return { why: finding?.why ?? '', subject: finding?.subject };
    }),
    apply: assign(({ context, event }) => {
      const change = fold[event.type] as (run: Progress, result: StepResult) => Progress;
      return change(context, inRunTime(event, context.facts.setBackMs));
    }),
  },
  guards: Object.fromEntries(
    POLICY.map(([name]) => [
      name,
      ({ context }: { context: Progress }) => CHECKS[name](context) !== undefined,
    ]),
  ),
}).createMachine({
  id: 'refresh',
  context: ({ input }: { input: Facts | undefined }) => beginWith(input),
  initial: 'deciding',
  states: {
    deciding: {
      always: POLICY.map(([check, target]) => ({
        guard: check,
        target,
        actions: { type: 'explain' as const, params: { check } },
      })),
    },
    releasing: on('released'),
    recording: on('recorded'),
    writingSecret: on('secretWritten', 'issueFailed'),
    acquiringToken: on('issued', 'issueFailed', 'issueDeferred'),
    probingToken: on('probed', 'issueFailed'),
    settingFlySecret: on('flySecretSet', 'deliveryFailed'),
    cleaningUp: on('unset', 'cleanupFailed'),
    rollingOut: on('rolled', 'rolloutPostponed', 'tokenRejected', 'deliveryFailed'),
    keepingPrevious: on('previousKept', 'previousNotKept'),
    checkingDrift: on('driftChecked', 'driftUnknown', 'tokenRejected', 'deliveryFailed'),
    forgettingPrevious: on('previousForgotten'),
    removed: { type: 'final' },
    suspended: { type: 'final' },
    stalled: { type: 'final' },
    backingOff: { type: 'final' },
    waiting: { type: 'final' },
    current: { type: 'final' },
  },
});

/** States in which something outside is done. */
export type Step =
  | 'releasing'
  | 'recording'
  | 'writingSecret'
  | 'acquiringToken'
  | 'probingToken'
  | 'keepingPrevious'
  | 'checkingDrift'
  | 'forgettingPrevious'
  | 'settingFlySecret'
  | 'cleaningUp'
  | 'rollingOut';

/** States in which a run ends. */
export type Rest = 'removed' | 'suspended' | 'stalled' | 'backingOff' | 'waiting' | 'current';
