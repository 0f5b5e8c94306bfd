import { assign, setup } from 'xstate';
import { CHECKS } from './checks.ts';
import type { Facts } from './facts.ts';
import { begin, type Progress } from './progress.ts';
import { fold, type StepResult } from './results.ts';

/**
 * The policy: in `deciding`, the first check that holds names the next state, so the order is the meaning.
 * Read it as: is it over, what to store, what to obtain, what to remember, what to write, what to take back,
 * what to roll out, and at last how to rest.
 */
export const POLICY = [
  ['removed', 'removed'],
  ['releasable', 'releasing'],
  ['unwritten', 'writingSecret'],
  ['issuable', 'acquiringToken'],
  ['unrecorded', 'recording'],
  ['writable', 'settingFlySecret'],
  ['cleanable', 'cleaningUp'],
  ['rollable', 'rollingOut'],
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
      return change(context, event);
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
  context: ({ input }) => begin(input),
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
    acquiringToken: on('issued', 'issueFailed'),
    settingFlySecret: on('flySecretSet', 'deliveryFailed'),
    cleaningUp: on('unset', 'cleanupFailed'),
    rollingOut: on('rolled', 'deliveryFailed'),
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
  | 'settingFlySecret'
  | 'cleaningUp'
  | 'rollingOut';

/** States in which a run ends. */
export type Rest = 'removed' | 'suspended' | 'stalled' | 'backingOff' | 'waiting' | 'current';
