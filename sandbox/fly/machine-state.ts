/** Where a machine can stay. */
export type RestingState = 'created' | 'started' | 'stopped' | 'suspended' | 'failed';

/** On the way from one resting state to another. */
export type TransientState =
  | 'pending'
  | 'creating'
  | 'starting'
  | 'stopping'
  | 'restarting'
  | 'suspending'
  | 'updating'
  | 'replacing'
  | 'launch_failed'
  | 'destroying';

/** `destroyed` is the end. */
export type MachineState = RestingState | TransientState | 'destroyed';

const RESTING: readonly MachineState[] = [
  'created',
  'started',
  'stopped',
  'suspended',
  'failed',
  'destroyed',
];

export function isTransient(state: MachineState): boolean {
  return !RESTING.includes(state);
}
